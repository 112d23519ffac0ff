/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broken - rules of job/ broken on purpose: see enum job_break
 */
#include "wrap.h"

static enum job_break broken(void)
{
    struct instance *in = instance_now();
    return in == NULL ? JOB_BREAK_NONE : in->world->broken;
}

int __wrap_batch_check_taken(struct batch *batch, struct err *err)
{
    return broken() == JOB_BREAK_TAKEN ? 0 : __real_batch_check_taken(batch, err);
}

size_t __wrap_batch_positions(const struct batch *batch, struct sink_position *out, size_t cap)
{
    size_t count = __real_batch_positions(batch, out, cap);
    for (size_t i = 0; broken() == JOB_BREAK_LATE && i < count; i++) {
        size_t stream = (size_t)world_partition(&out[i]) / TOPIC_STREAM_PARTITIONS;
        vec_foreach (struct source_partition, p, &batch->inputs[stream].source->partitions) {
            if (p->number == out[i].partition) {
                out[i].next_offset = p->next_offset;
            }
        }
    }
    return count;
}

int __wrap_source_verify(struct source *s, struct err *err)
{
    return broken() == JOB_BREAK_VERIFY ? 0 : __real_source_verify(s, err);
}

int __wrap_source_start(struct source *s, struct err *err)
{
    bool again = s->partitions.count > 0 && s->partitions.items[0].started;
    return broken() == JOB_BREAK_REWIND && again ? 0 : __real_source_start(s, err);
}
