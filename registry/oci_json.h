/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COOPER_OCI_JSON_H
#define COOPER_OCI_JSON_H

/*
 * Typed members of image documents, for the files of this folder alone. Reading: a member that is absent or null gives nothing, one
 * of another type is ERR_CORRUPT and named. Writing: "absent when empty".
 */
#include "base/jval.h"
#include "registry/oci.h"

/* Parses one document that must be an object; every failure becomes ERR_CORRUPT with `what` in front. */
int oci_parse_object(struct str json, const char *what, struct jval **ret, struct err *e);
/* Refuses members that are one of the known names in other letters ("Layers"): readers disagree on what they mean. */
int oci_check_case(const struct jval *object, const char *const *known, size_t n, struct err *e);

/* The member, or NULL when absent or null. */
const struct jval *oci_member(const struct jval *object, const char *key);
int oci_get_object(const struct jval *object, const char *key, const struct jval **ret, struct err *e);
int oci_get_array(const struct jval *object, const char *key, const struct jval **ret, struct err *e);
int oci_get_str(const struct jval *object, const char *key, struct arena *a, struct str *ret, struct err *e);
int oci_get_int(const struct jval *object, const char *key, int64_t min, int64_t *ret, struct err *e);
int oci_get_bool(const struct jval *object, const char *key, bool *ret, struct err *e);
int oci_get_strs(const struct jval *object, const char *key, struct arena *a, struct strs *ret, struct err *e);
/* The names of an object's members, whatever their values. */
int oci_get_keys(const struct jval *object, const char *key, struct arena *a, struct strs *ret, struct err *e);
int oci_get_annotations(const struct jval *object, const char *key, struct arena *a, struct annotations *ret, struct err *e);
int oci_get_descriptor(const struct jval *j, struct arena *a, struct descriptor *ret, struct err *e);

void oci_set_str(struct jval *object, const char *key, struct str s);
void oci_set_strs(struct jval *object, const char *key, const struct strs *l);
/* {"name":{}}, sorted. */
void oci_set_keys(struct jval *object, const char *key, const struct strs *l);
/* Sorted by key. */
void oci_set_annotations(struct jval *object, const char *key, const struct annotations *l);
struct jval *oci_descriptor_json(const struct descriptor *d);
/* Prints and frees. */
void oci_finish(struct jval *take, struct buf *out);

#endif
