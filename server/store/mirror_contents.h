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

// A mirror as values that no store has of its own, so that it can go on in another kind of store.

namespace mirror {

/// A table that has an agreed definition and is there.
struct ContentsTable {
  TableSchema agreed;
  /// The columns that stand in it, in that order, the mirror's own (live_rows.h, INT64) among them. With it a
  /// snapshot reads all rows, live or not, and an import makes the table and fills it: nothing of it is the
  /// partner's, so it neither preserves anything nor keeps deleted rows. Where the rows are of an older
  /// definition, or somebody changed the table by hand, columns are of the types that the store knows: ANY,
  /// if it knows none.
  TableSchema stored;
  friend bool operator==(const ContentsTable&, const ContentsTable&) = default;
};
// `table` of the following is folded.
struct LostColumn {
  std::string table, column;
  Position position;  ///< Where the table stood.
  friend bool operator==(const LostColumn&, const LostColumn&) = default;
};
struct LossOfTable {
  std::string table;
  Loss loss;
  friend bool operator==(const LossOfTable&, const LossOfTable&) = default;
};
struct KeptReceipt {
  std::uint64_t number = 0;
  std::string text;  ///< Byte for byte: the chain is over it.
  friend bool operator==(const KeptReceipt&, const KeptReceipt&) = default;
};
struct OpenReceiptOfTable {
  std::string table;
  OpenReceipt open;
  friend bool operator==(const OpenReceiptOfTable&, const OpenReceiptOfTable&) = default;
};

/// All that one moment of a mirror holds but its rows. Two of the same values, `left_out` aside, go on alike.
/// Lists are in the order of folded table names, then of numbers; those of ids by id.
///
/// What a running cycle fills (shadows, values that come in parts) does not come along: who goes on with a
/// copy ends that cycle in it first, as a restore does. Nor do tables that were set aside, whose definitions
/// are not kept, and what is the partner's own: tables, columns, views, indexes, triggers, grants.
///
/// It is held in memory: 4 KB for each receipt, kReceiptsKeptMax at most; some 100 bytes for each nonce, of
/// which there are Nonce::remembered_max; kHooksWaitingMax notes for hooks; the rest grows with the number of
/// tables.
struct MirrorContents {
  TenantRecord tenant;
  std::vector<Nonce> nonces;  ///< By value.
  std::vector<TableRecord> records;
  std::vector<ContentsTable> tables;
  std::vector<SchemaAnswer> answers;
  std::vector<CycleNote> cycle_notes;  ///< Of the tenant's cycle; by kind, then table.
  std::vector<LostColumn> lost_columns;
  std::vector<TableCheck> checks;
  std::vector<Hold> holds;
  std::uint64_t last_hold = 0;  ///< No id that any ever had is greater.
  std::vector<LossOfTable> losses;
  Freshness freshness;
  std::vector<KeptReceipt> receipts;
  std::vector<OpenReceiptOfTable> open_receipts;
  std::vector<HookNote> hooks;
  std::int64_t last_hook = 0;       ///< As `last_hold`.
  std::vector<Document> documents;  ///< By kind, then id.
  std::vector<KeptObjects> source_objects;
  std::vector<IndexChange> own_indexes;  ///< By name.
  /// What does not come along, for people: "view 'x'", "column 'c' of table 't'".
  std::vector<std::string> left_out;
};

/// Fills a mirror that nobody serves yet, in this order: Begin, AddRows as often as there are blocks, Finish.
/// Nothing of it is seen before Finish() has returned OK; without that it is gone with this object. Memory:
/// the contents and one block. Errors: as Store, and
///   kFailedPrecondition, kInvalidArgument  this store cannot hold it, for people: a table's name or columns,
///                                          another tenant's contents
/// After an error nothing more is called. Threads: one at a time.
class MirrorImport {
 public:
  virtual ~MirrorImport() = default;

  virtual absl::Status Begin(const MirrorContents& contents) = 0;
  /// Of a table of the contents; each block has all columns of `stored`. Blocks of a table come one after the
  /// other, in key order. It may keep the block's memory.
  virtual absl::Status AddRows(const TableSchema& stored, RowBlock* rows) = 0;
  /// It is on disk when it returns.
  virtual absl::Status Finish() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_MIRROR_CONTENTS_H_
