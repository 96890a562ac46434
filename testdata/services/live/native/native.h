#ifndef LIVE_NATIVE_H
#define LIVE_NATIVE_H

#include <stdint.h>

struct live_table {
	int64_t total;
	int64_t positions;
};

struct live_table *live_open(void);
void live_add(struct live_table *table, int64_t quantity, int64_t price);
int64_t live_total(const struct live_table *table);
void live_close(struct live_table *table);
void live_park(void);
void live_overwrite(void);
int live_foreign(void);

#endif
