#ifndef MIRROR_SERVER_JOURNAL_ROW_STATES_H_
#define MIRROR_SERVER_JOURNAL_ROW_STATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/row_digest.h"

// Comparison of two states of a row, or of a table. Functions of values.

namespace mirror {

/// Returns whether a state from moment `from` until moment `until` (0: now) is the one as of `moment`.
bool StoodAt(std::int64_t from, std::int64_t until, std::int64_t moment);

/// Returns whether kind and value are equal: in an ANY column, 1 is not 1.0.
bool SameValue(const Value& a, const Value& b);
/// Returns the columns in which two rows differ, as indexes into the batches' columns, which are the same in
/// both batches.
std::vector<std::uint32_t> DifferentColumns(const ChangeBatch& a, std::uint32_t row_of_a,
                                            const ChangeBatch& b, std::uint32_t row_of_b);

/// Returns JournalCommit::digest of a whole table: the sum of its rows' digests as 16 hexadecimal digits.
std::string StateDigest(const RangeDigest& digest);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_ROW_STATES_H_
