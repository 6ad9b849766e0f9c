#ifndef MIRROR_SERVER_STORE_MIRROR_CONTENTS_H_
#define MIRROR_SERVER_STORE_MIRROR_CONTENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/row_block.h"
#include "proto/wire/source_objects.h"
#include "server/plan/plan.h"
#include "server/plan/receipt_plan.h"

// A mirror as values that do not depend on the kind of store. So a mirror can move to another kind.

namespace mirror {

/// A table that exists and has an agreed definition.
struct ContentsTable {
  TableSchema agreed;
  /// The columns of the table, in its order, including the mirror's own (live_rows.h, INT64). With this
  /// definition a snapshot reads all rows, live or not, and an import creates and fills the table. It treats
  /// all columns as the source's, so it neither preserves the partner's data nor keeps deleted rows. The
  /// types can differ from the agreed ones if the rows are of an older definition, or if somebody changed the
  /// table by hand. Then a column has the type that the store knows, or ANY.
  TableSchema stored;
  friend bool operator==(const ContentsTable&, const ContentsTable&) = default;
};
// In the following structs `table` is a folded name.
struct LostColumn {
  std::string table, column;
  Position position;  ///< The table's position when the column was lost.
  friend bool operator==(const LostColumn&, const LostColumn&) = default;
};
struct LossOfTable {
  std::string table;
  Loss loss;
  friend bool operator==(const LossOfTable&, const LossOfTable&) = default;
};
struct KeptReceipt {
  std::uint64_t number = 0;
  std::string text;  ///< Exactly as it was signed, because the chain's hashes cover these bytes.
  friend bool operator==(const KeptReceipt&, const KeptReceipt&) = default;
};
struct OpenReceiptOfTable {
  std::string table;
  OpenReceipt open;
  friend bool operator==(const OpenReceiptOfTable&, const OpenReceiptOfTable&) = default;
};

/// The whole state of a mirror at one moment, except its rows. Mirrors with equal values behave alike, except
/// for what `left_out` names. Lists are ordered by folded table name, then by number; lists of things with
/// ids, by id.
///
/// It lacks what a running cycle fills: shadows, and values that come in parts. So the receiver of a copy
/// first ends that cycle, as a restore does. It lacks tables that were set aside, because their definitions
/// are not kept. It also lacks what is the partner's own: tables, columns, views, indexes, triggers, grants.
///
/// It is held in memory: 4 KB for each receipt, at most kReceiptsKeptMax; about 100 bytes for each nonce, at
/// most Nonce::remembered_max; at most kHooksWaitingMax notes for hooks. The rest grows with the number of
/// tables.
struct MirrorContents {
  TenantRecord tenant;
  std::vector<Nonce> nonces;  ///< Ordered by value.
  std::vector<TableRecord> records;
  std::vector<ContentsTable> tables;
  std::vector<SchemaAnswer> answers;
  std::vector<CycleNote> cycle_notes;  ///< Notes of the tenant's cycle, ordered by kind, then table.
  std::vector<LostColumn> lost_columns;
  std::vector<TableCheck> checks;
  std::vector<Hold> holds;
  std::uint64_t last_hold = 0;  ///< The highest hold id ever used, or a higher number.
  std::vector<LossOfTable> losses;
  Freshness freshness;
  std::vector<KeptReceipt> receipts;
  std::vector<OpenReceiptOfTable> open_receipts;
  std::vector<HookNote> hooks;
  std::int64_t last_hook = 0;       ///< The highest hook id ever used, or a higher number.
  std::vector<Document> documents;  ///< Ordered by kind, then id.
  std::vector<KeptObjects> source_objects;
  std::vector<IndexChange> own_indexes;  ///< Ordered by name.
  /// Names, for people, of objects that the contents lack: "view 'x'", "column 'c' of table 't'".
  std::vector<std::string> left_out;
};

/// Fills a mirror that is not served yet. The caller calls Begin, then AddRows for each block, then Finish.
/// The mirror becomes visible when Finish() returns OK; otherwise the destructor removes it. Memory: the
/// contents and one block. Errors: those of Store, and
///   kFailedPrecondition, kInvalidArgument  this store cannot hold it, for people: a table's name or columns,
///                                          another tenant's contents
/// After an error the caller makes no further call. Threads: one at a time.
class MirrorImport {
 public:
  virtual ~MirrorImport() = default;

  virtual absl::Status Begin(const MirrorContents& contents) = 0;
  /// Adds a block of rows of a table in the contents, with all columns of `stored`. The caller adds all
  /// blocks of a table one after another, in key order. May take over the block's memory.
  virtual absl::Status AddRows(const TableSchema& stored, RowBlock* rows) = 0;
  /// Makes the mirror visible and durable.
  virtual absl::Status Finish() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_MIRROR_CONTENTS_H_
