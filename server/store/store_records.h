#ifndef MIRROR_SERVER_STORE_STORE_RECORDS_H_
#define MIRROR_SERVER_STORE_STORE_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/receipt.h"
#include "proto/wire/row_block.h"
#include "server/plan/plan.h"

namespace mirror {

/// Of rows that are read by their keys: who asks knows that they are few.
inline constexpr std::uint64_t kAnyBytes = std::numeric_limits<std::uint64_t>::max();

/// What a store knows of its mirror, read afresh by each call: while a StoreWork is there, in its
/// transaction. Errors and threads: as Store.
class StoreRecords {
 public:
  virtual ~StoreRecords() = default;

  virtual absl::StatusOr<TenantRecord> ReadTenant() = 0;
  /// The metadata row, read afresh.
  virtual absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) = 0;
  /// The agreed definition; absent when the table is not known.
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;
  /// Columns that were dropped in place at the table's present position: the mirror lost their values, but a
  /// source at that position may still have them.
  virtual absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadTables() = 0;
  /// Tables that still have their agreed columns, but that somebody changed by hand. Looks again only
  /// where a definition changed since the last call.
  virtual absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() = 0;
  /// How many rows of such a table the mirror did not write, as far as the number of all tells. Counts them.
  virtual absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) = 0;
  /// Names of all tables that have an agreed definition and are there, with or without a metadata row.
  virtual absl::StatusOr<std::vector<std::string>> AgreedTables() = 0;
  /// Names of tables that were set aside and hold rows that are not live, oldest first: the ones that were
  /// called `table`, or with an empty `table` all. Scans them.
  virtual absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() = 0;
  /// The indexes and foreign keys that the source announced. Unreadable records are left out.
  virtual absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() = 0;
  /// Indexes that the mirror made itself.
  virtual absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() = 0;
  /// Columns of an index as the store writes them when it makes one, between its parentheses. Reads nothing.
  virtual std::string IndexTermsOf(const TableSchema& kept, const std::vector<IndexColumn>& columns) = 0;
  /// Of the tenant's cycle.
  virtual absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() = 0;
  virtual absl::StatusOr<std::vector<TableCheck>> ReadChecks() = 0;
  /// Oldest first.
  virtual absl::StatusOr<std::vector<Hold>> ReadHolds() = 0;
  virtual absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) = 0;
  /// The oldest that waits for this hook. Absent: none.
  virtual absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) = 0;
  /// Absent: there is none.
  absl::StatusOr<std::optional<Document>> ReadDocument(const std::string& kind, const std::string& id);
  /// Of the kind, those whose id is not less than `from` by bytes, in that order.
  virtual absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& kind,
                                                              const std::string& from,
                                                              std::size_t count_max) = 0;
  virtual absl::StatusOr<ListedDocuments> ReadListedDocuments() = 0;
  /// The rows that have one of these keys, in any order, with all columns of `kept`: an agreed table in its
  /// kept form, whose key is one column of TEXT. Errors: kFailedPrecondition, too: a value is not of its
  /// column's type; kOutOfRange: of several keys, the rows have more than `bytes_max`. Little more is in
  /// memory then.
  virtual absl::StatusOr<RowBlock> ReadRows(const TableSchema& kept, const std::vector<std::string>& keys,
                                            std::uint64_t bytes_max) = 0;
  virtual absl::StatusOr<Freshness> ReadFreshness() = 0;
  virtual absl::StatusOr<ReceiptHead> ReadReceiptHead() = 0;
  /// Texts of those with a greater number, oldest first; the last kReceiptsKeptMax are kept.
  virtual absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after,
                                                                std::size_t count_max) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_RECORDS_H_
