/*
 * hub-runner — runs one connector for hubd, on the other end of descriptor 3.
 */
#include "runner/runner.h"

int main(void)
{
    return runner_main(NULL);
}
