#include "watermark.h"

enum {
    ROWS_MIN = 100, /* of a claim: fewer do not tell how dense the backlog is */
    SPAN_PART = 4,  /* what others took is less than that part of what we did: not worth it */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* How far the next claim begins behind the end of this one. */
static int64_t step_us(struct watermark *watermark, const struct watermark_claim *claim)
{
    int64_t before_us = watermark->others_us;

    if (!claim->full || !claim->has_company || claim->count < ROWS_MIN) {
        watermark->others_us = 0;
        return 0;
    }
    if (watermark->reached_us > 0) {
        int64_t gap_us = claim->first_us - watermark->reached_us;
        bool theirs = gap_us > (claim->last_us - claim->first_us) / SPAN_PART;
        watermark->others_us = theirs ? gap_us : 0;
    }
    return earlier(before_us, watermark->others_us) / 4 * 3;
}

bool watermark_claimed(struct watermark *watermark, const struct watermark_claim *claim)
{
    int64_t known_us = watermark_known_us(watermark);
    bool passed_over = known_us < watermark->from_us;

    if (!claim->full && passed_over) {
        watermark_set(watermark, known_us);
        return false;
    }
    /* Jobs that are held are seen by a probe until they are settled: a claim that was not full has
     * taken all at its last instant too, and the watermark goes past them. */
    int64_t end_us = claim->full ? claim->last_us : claim->last_us + 1;
    if (claim->count == 0 || end_us < known_us)
        return true;
    int64_t from_us = end_us + step_us(watermark, claim);
    watermark->reached_us = claim->full ? end_us : 0;
    if (from_us > watermark->from_us)
        watermark->from_us = from_us;
    return true;
}

void watermark_set(struct watermark *watermark, int64_t us)
{
    watermark->from_us = us;
    watermark->reached_us = 0;
}

int64_t watermark_known_us(const struct watermark *watermark)
{
    int64_t reached_us = watermark->reached_us;
    return reached_us > 0 ? earlier(reached_us, watermark->from_us) : watermark->from_us;
}
