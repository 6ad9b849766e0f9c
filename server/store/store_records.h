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

/// No limit. For reads of rows by their keys if the caller knows that there are few rows.
inline constexpr std::uint64_t kAnyBytes = std::numeric_limits<std::uint64_t>::max();

/// Reads what a store knows about its mirror. Nothing is cached between calls. While a StoreWork exists,
/// reads run in its transaction. Errors and threads: those of Store.
class StoreRecords {
 public:
  virtual ~StoreRecords() = default;

  virtual absl::StatusOr<TenantRecord> ReadTenant() = 0;
  /// Reads the metadata row.
  virtual absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) = 0;
  /// Reads the agreed definition. Absent: the table is not known.
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;
  /// Returns the columns that were dropped in place at the table's present position. The mirror lost their
  /// values, but a source at that position may still have them.
  virtual absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadTables() = 0;
  /// Returns tables that somebody changed by hand, but that still have their agreed columns. Checks again
  /// only if a definition changed since the last call.
  virtual absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() = 0;
  /// Returns by how many rows `table` exceeds its recorded number of rows: the mirror did not write those. 0:
  /// there are none, the number is not recorded, or the table keeps the partner's rows.
  virtual absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) = 0;
  /// Returns the names of all tables that exist and have an agreed definition, with or without a metadata
  /// row.
  virtual absl::StatusOr<std::vector<std::string>> AgreedTables() = 0;
  /// Returns the names of tables that were set aside and have rows that are not live, oldest first. `table`:
  /// only tables that had that name; empty: all. Scans these tables.
  virtual absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() = 0;
  /// Reads the indexes and foreign keys that the source announced. Skips unreadable records.
  virtual absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() = 0;
  /// Reads the indexes that the mirror made itself.
  virtual absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() = 0;
  /// Returns the text between the parentheses of an index's definition, as the store writes it. Reads
  /// nothing.
  virtual std::string IndexTermsOf(const TableSchema& kept, const std::vector<IndexColumn>& columns) = 0;
  /// Reads the notes of the tenant's running cycle.
  virtual absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() = 0;
  virtual absl::StatusOr<std::vector<TableCheck>> ReadChecks() = 0;
  /// Reads the holds, oldest first.
  virtual absl::StatusOr<std::vector<Hold>> ReadHolds() = 0;
  virtual absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) = 0;
  /// Reads the oldest note that waits for this hook. Absent: none.
  virtual absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) = 0;
  /// Reads one document. Absent: there is none.
  absl::StatusOr<std::optional<Document>> ReadDocument(const std::string& kind, const std::string& id);
  /// Reads at most `count_max` documents of the kind with ids from `from` on, ordered by the bytes of the id.
  virtual absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& kind,
                                                              const std::string& from,
                                                              std::size_t count_max) = 0;
  virtual absl::StatusOr<ListedDocuments> ReadListedDocuments() = 0;
  /// Reads the rows with these keys, in any order, with all columns of `kept`. `kept` is an agreed table in
  /// its kept form whose key is one TEXT column. Errors: also kFailedPrecondition: a value does not have its
  /// column's type; kOutOfRange: there are several keys, and the rows have more than `bytes_max`. In that
  /// case it uses little more memory than `bytes_max`.
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
