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

/// No limit, for reads of rows by their keys whose caller knows that the rows are few.
inline constexpr std::uint64_t kAnyBytes = std::numeric_limits<std::uint64_t>::max();

/// Reads what a store knows of its mirror; each call reads afresh. While a StoreWork exists, reads run in its
/// transaction. Errors and threads: as Store.
class StoreRecords {
 public:
  virtual ~StoreRecords() = default;

  virtual absl::StatusOr<TenantRecord> ReadTenant() = 0;
  /// Reads the metadata row, afresh.
  virtual absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) = 0;
  /// Reads the agreed definition; absent when the table is not known.
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;
  /// Reads the columns that were dropped in place at the table's present position: the mirror lost their
  /// values, but a source at that position may still have them.
  virtual absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadTables() = 0;
  /// Returns tables that still have their agreed columns, but that somebody changed by hand. Checks again
  /// only when a definition changed since the last call.
  virtual absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() = 0;
  /// Counts rows of `table` that the mirror did not write, as far as the total number of rows tells.
  virtual absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) = 0;
  /// Returns the names of all tables that exist and have an agreed definition, with a metadata row or not.
  virtual absl::StatusOr<std::vector<std::string>> AgreedTables() = 0;
  /// Returns the names of tables that were set aside and hold rows that are not live, oldest first. `table`:
  /// only tables that had that name; empty: all. Scans them.
  virtual absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() = 0;
  /// Reads the indexes and foreign keys that the source announced. Leaves out unreadable records.
  virtual absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() = 0;
  /// Reads the indexes that the mirror made itself.
  virtual absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() = 0;
  /// Returns the text between an index's parentheses, as the store writes it to make one. Reads nothing.
  virtual std::string IndexTermsOf(const TableSchema& kept, const std::vector<IndexColumn>& columns) = 0;
  /// Reads the notes of the tenant's cycle.
  virtual absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() = 0;
  virtual absl::StatusOr<std::vector<TableCheck>> ReadChecks() = 0;
  /// Reads the holds, oldest first.
  virtual absl::StatusOr<std::vector<Hold>> ReadHolds() = 0;
  virtual absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) = 0;
  /// Reads the oldest note that waits for this hook. Absent: none.
  virtual absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) = 0;
  /// Reads one document. Absent: there is none.
  absl::StatusOr<std::optional<Document>> ReadDocument(const std::string& kind, const std::string& id);
  /// Reads documents of the kind, with ids from `from` on, ordered by the bytes of the id.
  virtual absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& kind,
                                                              const std::string& from,
                                                              std::size_t count_max) = 0;
  virtual absl::StatusOr<ListedDocuments> ReadListedDocuments() = 0;
  /// Reads the rows with one of these keys, in any order, with all columns of `kept`: an agreed table in
  /// its kept form, whose key is one TEXT column. Errors: kFailedPrecondition, too: a value is not of its
  /// column's type; kOutOfRange: there are several keys, and the rows have more than `bytes_max`. It then
  /// holds little more than that in memory.
  virtual absl::StatusOr<RowBlock> ReadRows(const TableSchema& kept, const std::vector<std::string>& keys,
                                            std::uint64_t bytes_max) = 0;
  virtual absl::StatusOr<Freshness> ReadFreshness() = 0;
  virtual absl::StatusOr<ReceiptHead> ReadReceiptHead() = 0;
  /// Reads the texts of receipts above number `after`, oldest first. The last kReceiptsKeptMax are kept.
  virtual absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after,
                                                                std::size_t count_max) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_RECORDS_H_
