#include "hold.h"

#include <stdatomic.h>

#include "batch.h"
#include "task.h"

void hold_gate_init(struct hold_gate *gate)
{
    mutex_init(&gate->lock);
    condition_init(&gate->finished);
}

void hold_gate_done(struct hold_gate *gate)
{
    condition_done(&gate->finished);
    mutex_done(&gate->lock);
}

void hold_open(struct hold_gate *gate, struct task *task)
{
    task->gate = gate;
    task->hold_state = HOLD_OPEN;
    batch_reference(task->batch);
}

void hold_wait(struct hold_gate *gate, struct batch *batch, int64_t until_us)
{
    mutex_lock(&gate->lock);
    while (batch->references > 1)
        if (!condition_wait_until(&gate->finished, &gate->lock, until_us))
            break;
    mutex_unlock(&gate->lock);
}

static bool move(struct task *task, unsigned from, unsigned to)
{
    return atomic_compare_exchange_strong(&task->hold_state, &from, to);
}

bool hold_finish(struct task *task)
{
    struct hold_gate *gate = task->gate;
    struct batch *batch = task->batch;

    if (!gate || task->hold_state == HOLD_NONE)
        return false;
    if (!move(task, HOLD_OPEN, HOLD_FINISHED))
        return move(task, HOLD_LEASING, HOLD_FINISHED_LATE);
    if (batch_release(batch) == 1) { /* the lane's own: all are finished */
        mutex_lock(&gate->lock);
        condition_signal(&gate->finished);
        mutex_unlock(&gate->lock);
    }
    return true;
}

bool hold_close(struct task *task)
{
    return !move(task, HOLD_OPEN, HOLD_LEASING);
}

bool hold_end(struct task *task)
{
    if (move(task, HOLD_LEASING, HOLD_NONE))
        return false;
    task->hold_state = HOLD_NONE;
    return true;
}
