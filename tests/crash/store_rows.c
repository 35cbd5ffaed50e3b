/*
 * store_rows DATABASE SQL… — prints the rows of each statement, for checks of what is really on
 * disk: one line a row, columns separated by tabs, blobs in hexadecimal; a line "--" ends each
 * statement. Nothing is written.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static void print_column(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) != SQLITE_BLOB) {
        const unsigned char *text = sqlite3_column_text(stmt, column);
        fputs(text ? (const char *)text : "", stdout);
        return;
    }
    const unsigned char *bytes = sqlite3_column_blob(stmt, column);
    for (int i = 0; i < sqlite3_column_bytes(stmt, column); i++) {
        printf("%02x", bytes[i]);
    }
}

static int print_rows(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(stmt); i++) {
            if (i > 0) {
                putchar('\t');
            }
            print_column(stmt, i);
        }
        puts(rc == SQLITE_ROW ? "" : "--");
    }
    if (rc != SQLITE_DONE) {
        fprintf(stderr, "store_rows: %s: %s\n", sql, sqlite3_errmsg(db));
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? 0 : -1;
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    int status = EXIT_FAILURE;

    if (argc < 3) {
        fputs("usage: store_rows DATABASE SQL...\n", stderr);
        return EXIT_FAILURE;
    }
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        fprintf(stderr, "store_rows: %s: %s\n", argv[1], sqlite3_errmsg(db));
        goto out;
    }
    status = EXIT_SUCCESS;
    for (int i = 2; i < argc; i++) {
        if (print_rows(db, argv[i]) < 0) {
            status = EXIT_FAILURE;
        }
    }
out:
    sqlite3_close(db);
    return status;
}
