#include "client/exchange/datajoin/inbox_writer.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
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
  ASSIGN_OR_RETURN(const std::int64_t highest, HighestEntry(sql_, kInboxTable));
  ASSIGN_OR_RETURN(const std::int64_t given,
                   sql_.Number(absl::StrCat("SELECT inbox_id FROM ", sql_.Named("_mirror_datajoin"))));
  // An id is never used again, also where somebody empties the box.
  id_ = given_ = std::max(highest, given);
  ASSIGN_OR_RETURN(
      const std::vector<BoxRow> known,
      sql_.Query(absl::StrCat(
          "SELECT DISTINCT delivery_id, done, refused FROM ", sql_.Named("_mirror_datajoin_entry"),
          " WHERE delivery_id IN (SELECT delivery_id FROM ", sql_.Named("_mirror_inbox"), ")")));
  for (const BoxRow& row : known) {
    known_[BoxString(row[0])] = {BoxNumber(row[1]) != 0, BoxNumber(row[2]) != 0};
  }
  return absl::OkStatus();
}

absl::Status InboxWriter::OfferOne(const v1::Delivery& delivery) {
  const auto known = known_.find(delivery.delivery_id());
  if (known != known_.end()) {
    // Of what was refused the reason stands there until it is tried again.
    if (known->second.done || known->second.refused) return absl::OkStatus();
    return sql_.Run(absl::StrCat("UPDATE ", sql_.Named(kInboxTable),
                                 " SET note1 = ?2 WHERE note1 IS DISTINCT FROM ?2 AND id IN (SELECT inbox_id "
                                 "FROM ",
                                 sql_.Named("_mirror_datajoin_entry"), " WHERE delivery_id = ?1)"),
                    {delivery.delivery_id(), kWaiting});
  }
  ASSIGN_OR_RETURN(BoxEntry entry, MakeEntry(delivery));
  if (delivery.columns().empty()) return Add(delivery, entry);
  ASSIGN_OR_RETURN(const MemberTable* const table, source_.Find(delivery.table()));
  for (const v1::DeliveredValue& column : delivery.columns()) {
    const std::optional<std::uint32_t> own =
        table == nullptr ? std::nullopt : table->FindSent(column.column());
    entry.object_attribute = own ? table->plan.schema.columns[*own].name : column.column();
    entry.object_value = BoxText(ToValue(column.value()));
    entry.update_ms = column.version_ms();
    RETURN_IF_ERROR(Add(delivery, entry));
  }
  return absl::OkStatus();
}

absl::StatusOr<BoxEntry> InboxWriter::MakeEntry(const v1::Delivery& delivery) {
  ASSIGN_OR_RETURN(const MemberTable* const table, source_.Find(delivery.table()));
  BoxEntry entry;
  entry.object_database = database_;
  entry.object_table = table == nullptr ? delivery.table() : table->name();
  if (table != nullptr) entry.object_pk_attribute = BoxKeyNames(*table);
  RowOf key;
  for (const v1::Literal& part : delivery.key()) key.push_back(ToValue(part));
  if (!key.empty()) entry.object_id = BoxId(key);
  entry.object_operation = OperationName(delivery.operation()).substr(0, 1);
  entry.update_ms = now_ms_;
  entry.note = kWaiting;
  entry.source_id = delivery.source_id();
  return entry;
}

absl::StatusOr<std::int64_t> InboxWriter::FindSame(const BoxEntry& entry) {
  if (entry.source_id.empty()) return 0;
  ASSIGN_OR_RETURN(
      const std::vector<BoxRow> same,
      sql_.Query(absl::StrCat(
                     "SELECT e.inbox_id FROM ", sql_.Named("_mirror_datajoin_entry"), " AS e, ",
                     sql_.Named(kInboxTable),
                     " AS b WHERE e.source_id <> '' AND e.done = 0 AND e.source_id = ?1 AND e.attribute = ?2 "
                     "AND b.id = e.inbox_id AND b.object_table = ?3 AND b.object_id IS NOT DISTINCT FROM "
                     "nullif(?4, '') AND e.delivery_id NOT IN (SELECT delivery_id FROM ",
                     sql_.Named("_mirror_inbox"), ") ORDER BY e.inbox_id LIMIT 1"),
                 {entry.source_id, entry.object_attribute, entry.object_table, entry.object_id}));
  return same.empty() ? 0 : BoxNumber(same.front().front());
}

absl::Status InboxWriter::Add(const v1::Delivery& delivery, const BoxEntry& entry) {
  ASSIGN_OR_RETURN(const std::int64_t same, FindSame(entry));
  const std::int64_t id = same != 0 ? same : ++id_;
  if (same != 0) {
    RETURN_IF_ERROR(sql_.Run(absl::StrCat("DELETE FROM ", sql_.Named(kInboxTable), " WHERE id = ?1"), {id}));
  }
  RETURN_IF_ERROR(AddEntry(sql_, kInboxTable, id, entry));
  return sql_.Run(
      absl::StrCat("INSERT INTO ", sql_.Named("_mirror_datajoin_entry"),
                   " (inbox_id, delivery_id, source_id, attribute, done, refused, at) VALUES (?1, ?2, ?3, "
                   "?4, 0, 0, 0) ON CONFLICT (inbox_id) DO UPDATE SET delivery_id = excluded.delivery_id, "
                   "source_id = excluded.source_id, attribute = excluded.attribute, done = 0, refused = 0, "
                   "at = 0"),
      {id, delivery.delivery_id(), entry.source_id, entry.object_attribute});
}

absl::Status InboxWriter::End() {
  absl::Status kept = sql_.Run(
      absl::StrCat("UPDATE ", sql_.Named("_mirror_datajoin"), " SET inbox_id = ?1 WHERE inbox_id <> ?1"),
      {id_});
  return kept.ok() && id_ != given_ ? sql_.KeepNumber(kInboxTable, id_) : kept;
}

}  // namespace mirror
