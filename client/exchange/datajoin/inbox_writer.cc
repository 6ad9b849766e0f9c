#include "client/exchange/datajoin/inbox_writer.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/delivery_task.h"

namespace mirror {

absl::Status InboxWriter::Offer(const std::vector<v1::Delivery>& deliveries) {
  absl::Status status = Begin();
  for (const v1::Delivery& delivery : deliveries) {
    if (status.ok()) status = OfferOne(delivery);
  }
  return status.ok() ? End() : status;
}

absl::Status InboxWriter::Begin() {
  if (absl::Status fresh = tables_.Refresh().status(); !fresh.ok()) return fresh;
  const absl::StatusOr<std::int64_t> highest = HighestEntry(file_, kInboxTable);
  if (!highest.ok()) return highest.status();
  const absl::StatusOr<std::int64_t> given = file_.Number("SELECT inbox_id FROM main._mirror_datajoin");
  if (!given.ok()) return given.status();
  // An id is never used again, also where somebody empties the box.
  id_ = std::max(*highest, *given);
  return absl::OkStatus();
}

absl::Status InboxWriter::OfferOne(const v1::Delivery& delivery) {
  sqlite::Statement query =
      file_.Query("SELECT done, refused FROM main._mirror_datajoin_entry WHERE delivery_id = ?1 LIMIT 1");
  const absl::StatusOr<bool> known = query.With(delivery.delivery_id()).Step();
  if (!known.ok()) return known.status();
  if (*known) {
    // Of what was refused the reason stands there until it is tried again.
    if (query.Int(0) != 0 || query.Int(1) != 0) return absl::OkStatus();
    query.Reset();
    return file_
        .Query(absl::StrCat("UPDATE main.", std::string(kInboxTable),
                            " SET note1 = ?2 WHERE note1 IS NOT ?2 AND id IN (SELECT inbox_id FROM "
                            "main._mirror_datajoin_entry WHERE delivery_id = ?1)"))
        .With(delivery.delivery_id(), kWaiting)
        .Run();
  }
  absl::StatusOr<BoxEntry> entry = MakeEntry(delivery);
  if (!entry.ok()) return entry.status();
  if (delivery.columns().empty()) return Add(delivery, *entry);
  const absl::StatusOr<const MemberTable*> table = tables_.Find(delivery.table());
  if (!table.ok()) return table.status();
  for (const v1::DeliveredValue& column : delivery.columns()) {
    const std::optional<std::uint32_t> own =
        *table == nullptr ? std::nullopt : (*table)->FindSent(column.column());
    entry->object_attribute = own ? (*table)->plan.schema.columns[*own].name : column.column();
    entry->object_value = BoxText(ToValue(column.value()));
    entry->update_ms = column.version_ms();
    if (absl::Status added = Add(delivery, *entry); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::StatusOr<BoxEntry> InboxWriter::MakeEntry(const v1::Delivery& delivery) {
  const absl::StatusOr<const MemberTable*> table = tables_.Find(delivery.table());
  if (!table.ok()) return table.status();
  BoxEntry entry;
  entry.object_database = database_;
  entry.object_table = *table == nullptr ? delivery.table() : (*table)->name();
  if (*table != nullptr) entry.object_pk_attribute = BoxKeyNames(**table);
  RowOf key;
  for (const v1::Literal& part : delivery.key()) key.push_back(ToValue(part));
  if (!key.empty()) entry.object_id = BoxId(key);
  entry.object_operation = OperationName(delivery.operation()).substr(0, 1);
  entry.update_ms = now_ms_;
  entry.note = kWaiting;
  entry.source_id = delivery.source_id();
  return entry;
}

absl::StatusOr<std::int64_t> InboxWriter::FindSame(const BoxEntry& entry) const {
  if (entry.source_id.empty()) return 0;
  sqlite::Statement query = file_.Query(absl::StrCat(
      "SELECT e.inbox_id FROM main._mirror_datajoin_entry AS e, main.", std::string(kInboxTable),
      " AS b WHERE e.source_id <> '' AND e.done = 0 AND e.source_id = ?1 AND e.attribute = ?2 AND b.id = "
      "e.inbox_id AND b.object_table = ?3 AND b.object_id IS nullif(?4, '') AND e.delivery_id NOT IN (SELECT "
      "delivery_id FROM main._mirror_inbox)"));
  const absl::StatusOr<bool> there =
      query.With(entry.source_id, entry.object_attribute, entry.object_table, entry.object_id).Step();
  if (!there.ok()) return there.status();
  return *there ? query.Int(0) : 0;
}

absl::Status InboxWriter::Add(const v1::Delivery& delivery, const BoxEntry& entry) {
  const absl::StatusOr<std::int64_t> same = FindSame(entry);
  if (!same.ok()) return same.status();
  const std::int64_t id = *same != 0 ? *same : ++id_;
  if (*same != 0) {
    absl::Status removed =
        file_.Query(absl::StrCat("DELETE FROM main.", std::string(kInboxTable), " WHERE id = ?1"))
            .With(id)
            .Run();
    if (!removed.ok()) return removed;
  }
  if (absl::Status added = AddEntry(file_, kInboxTable, id, entry); !added.ok()) return added;
  return file_
      .Query(
          "INSERT OR REPLACE INTO main._mirror_datajoin_entry (inbox_id, delivery_id, source_id, attribute, "
          "done, refused, at) VALUES (?1, ?2, ?3, ?4, 0, 0, 0)")
      .With(id, delivery.delivery_id(), entry.source_id, entry.object_attribute)
      .Run();
}

absl::Status InboxWriter::End() {
  return file_.Query("UPDATE main._mirror_datajoin SET inbox_id = ?1 WHERE inbox_id <> ?1").With(id_).Run();
}

}  // namespace mirror
