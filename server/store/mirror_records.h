#ifndef MIRROR_SERVER_STORE_MIRROR_RECORDS_H_
#define MIRROR_SERVER_STORE_MIRROR_RECORDS_H_

#include "server/journal/journal_entry.h"
#include "server/own_records/record.h"
#include "server/plan/plan.h"
#include "server/store/mirror_contents.h"

// The tables that a mirror keeps for itself, in its file and in its schema. In a schema each key has a
// constraint name of its own, and some of these tables are rows of `_mirror_state`. layouts_test compares the
// CREATE TABLE statements: a change of a column needs a new number of the layout.

namespace mirror {

/// A note, and the cycle at whose end the note is removed.
struct CycleNoteRow {
  CycleNote note;
  std::int64_t cycle = 0;
};

/// The table with the tenant's only row. In a schema it has more columns.
const Record<TenantRecord>& TenantTable();
const Record<Document>& DocumentTable();
/// In a schema this table has more columns.
const Record<HookNote>& HookNoteTable();

/// Exists only in a file.
const Record<Nonce>& NonceTable();

// Tables of a file; a schema packs these rows in `_mirror_state` or `_mirror_receipts`.

const Record<SchemaAnswer>& AnswerTable();
const Record<CycleNoteRow>& CycleNoteTable();
const Record<TableCheck>& CheckTable();
/// Without Hold::keys. In a schema also without Hold::tables.
const Record<Hold>& HoldTable();
const Record<LossOfTable>& LossTable();
const Record<OpenReceiptOfTable>& OpenReceiptTable();
const Record<LostColumn>& LostColumnTable();
/// `<contextId>_mirroring`: its name differs in each file. See SelectRecord() for values that an operator
/// wrote.
const Record<TableRecord>& TableRecordTable();
/// The columns from `lsn` on are those of the commit, in the head of its moment only.
const Record<JournalEntry>& JournalTable();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_MIRROR_RECORDS_H_
