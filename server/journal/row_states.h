#ifndef MIRROR_SERVER_JOURNAL_ROW_STATES_H_
#define MIRROR_SERVER_JOURNAL_ROW_STATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/row_digest.h"

// What two states of a row, or of a table, are to each other. Functions of values.

namespace mirror {

/// Whether what a moment `from` made, and a moment `until` ended (0: it stands), stood as of `moment`.
bool StoodAt(std::int64_t from, std::int64_t until, std::int64_t moment);

/// The same kind and the same value: of ANY, 1 is not 1.0.
bool SameValue(const Value& a, const Value& b);
/// Columns in which two rows differ, as indexes in the order of the batches' columns, which are the same in
/// both.
std::vector<std::uint32_t> DifferentColumns(const ChangeBatch& a, std::uint32_t row_of_a,
                                            const ChangeBatch& b, std::uint32_t row_of_b);

/// JournalCommit::digest of a whole table: the sum of its rows' digests as 16 hexadecimal digits.
std::string StateDigest(const RangeDigest& digest);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_ROW_STATES_H_
