#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_TABLE_FINGERPRINT_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_TABLE_FINGERPRINT_H_

#include <cstdint>
#include <string_view>

namespace mirror {

// The fingerprint of a table is a text of lines:
//   1 the table's oid, that of its membership, and the publication's xmin
//   2 its persistence, its replica identity, and its primary key: columns, operators, collations
//   3 its leaves: oid, xmin of pg_inherits, kind, persistence, replica identity
//   4 the numbers of the files that its rows and those of its leaves are in: others when they were rewritten
//   and one for each column: number, type, modifier, xmin; "d" when rows there before it got a value, "g"
//   when PostgreSQL computes it; its name; and what its type is made of: e and the oid and xmin of an enum's
//   label, a and those of a composite type's column

/// What happened to a table between two fingerprints of it, as far as its rows are meant.
enum class TableMove : std::uint8_t {
  kNone,
  kInPlace,  ///< Columns were added, and are NULL in all rows that were there, or dropped; enums got labels.
  kRows,     ///< Rows may be others than the log tells: compare them.
  kKey,      ///< It has another key, or is another table: populate it.
};

/// Of texts that are no fingerprints: kKey.
TableMove CompareFingerprints(std::string_view before, std::string_view after);

/// False: it was taken out of the publication, or that left out changes. Locks of a table's do not keep who
/// writes to it from being open all the while.
bool PublishedTheSame(std::string_view before, std::string_view after);

/// False: its rows were rewritten, and what a new column has in them the catalogs may not say any more.
bool InTheSameFiles(std::string_view before, std::string_view after);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_TABLE_FINGERPRINT_H_
