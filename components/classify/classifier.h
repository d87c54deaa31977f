/*
 * classifier - a model folder and what its makers said about images: size, colours, normalisation, labels.
 *
 *   struct sedge_classifier *c = sedge_classifier_open(folder, NULL, err);
 *   struct sedge_ranking r;
 *   if (sedge_classifier_run(c, "cat.jpg", &r, err)) ...      r.best[0].label, r.best[0].score
 *   sedge_classifier_close(c);
 *
 * The folder holds the model that libdlr runs and, beside it, may have a *.meta file (the same that DLR reads) with the
 * section "ImageClassification" (docs/dlr.md), and labels.txt. Without the section: RGB, (byte - 128) / 128.
 * One thread at a time. Labels are lent until close.
 */
#ifndef SEDGE_CLASSIFY_CLASSIFIER_H
#define SEDGE_CLASSIFY_CLASSIFIER_H

#include "base/err.h"

#define SEDGE_CLASSIFY_BEST       5
#define SEDGE_CLASSIFY_LABELS_MAX 100000
#define SEDGE_CLASSIFY_SIDE_MAX   2048 /* pixels a side of what a network takes */

struct sedge_classifier;

struct sedge_ranking {
    struct {
        int index;
        const char *label;
        float score;
    } best[SEDGE_CLASSIFY_BEST]; /* best first */
    int n;
    double milliseconds; /* of the inference alone */
};

/* `labels`: a file with one name a line instead of the folder's own; may be NULL. */
struct sedge_classifier *sedge_classifier_open(const char *folder, const char *labels, struct sedge_err *err);
int sedge_classifier_run(struct sedge_classifier *c, const char *image, struct sedge_ranking *out,
                         struct sedge_err *err);
/* One inference on nothing: whether the network computes at all. */
int sedge_classifier_try(struct sedge_classifier *c, struct sedge_err *err);
void sedge_classifier_close(struct sedge_classifier *c); /* NULL is fine */

#endif
