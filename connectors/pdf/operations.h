/*
 * operations.h — the operations on PDF files that there are already, by libqpdf.
 *
 * Each begins an attempt and has completed its job when it returns; see pdf.h. They are written in
 * C++, as libqpdf is; no exception leaves them. Thread: [work].
 */
#ifndef PDF_OPERATIONS_H
#define PDF_OPERATIONS_H

#include <hub/connector.h>

#ifdef __cplusplus
extern "C" {
#endif

void pdf_merge_start(hub_instance *instance, hub_job *job);
void pdf_split_start(hub_instance *instance, hub_job *job);
void pdf_rotate_start(hub_instance *instance, hub_job *job);
void pdf_stamp_start(hub_instance *instance, hub_job *job);
void pdf_encrypt_start(hub_instance *instance, hub_job *job);
void pdf_decrypt_start(hub_instance *instance, hub_job *job);
void pdf_metadata_start(hub_instance *instance, hub_job *job);
void pdf_attach_start(hub_instance *instance, hub_job *job);
void pdf_info_start(hub_instance *instance, hub_job *job);
void pdf_linearize_start(hub_instance *instance, hub_job *job);

#ifdef __cplusplus
}
#endif

#endif
