#include "server/hub/snapshot_look.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/exchange/value_json.h"
#include "proto/wire/text_form.h"
#include "server/journal/key_block.h"

namespace mirror {
namespace {

constexpr std::int64_t kDaysToUnix = 719'162;  // From 0001-01-01 to 1970-01-01.
constexpr std::int64_t kSecondsOfADay = 86'400;
/// Larger whole numbers are milliseconds: as seconds they would be after the year 5138.
constexpr std::int64_t kSecondsMax = 100'000'000'000;

std::optional<std::int64_t> OfText(const std::string& text, const std::string& format) {
  // Without a zone it is UTC: agents and hub share no other clock.
  static const std::vector<std::string> kIso8601 = {
      "%Y-%m-%dT%H:%M:%E*S%Ez",
      "%Y-%m-%d%n%H:%M:%E*S%Ez",
      "%Y-%m-%dT%H:%M:%E*S",
      "%Y-%m-%d%n%H:%M:%E*S",
      "%Y-%m-%d",
  };
  for (const std::string& form : format.empty() ? kIso8601 : std::vector<std::string>{format}) {
    absl::Time time;
    if (!absl::ParseTime(form, text, absl::UTCTimeZone(), &time, nullptr)) continue;
    if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
    return absl::ToUnixMillis(time);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> ChangedTime(const Column& column, const Literal& value,
                                        const std::string& format) {
  if (const auto* text = std::get_if<std::string>(&value)) return OfText(*text, format);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return std::nullopt;
  if (column.type == Type::kDate) return (*number / 864'000'000'000 - kDaysToUnix) * kSecondsOfADay * 1'000;
  if (column.type == Type::kTimestamp || column.type == Type::kTimestampTz) {
    return *number / 10'000 - kDaysToUnix * kSecondsOfADay * 1'000;
  }
  if (*number < -kSecondsMax) return std::nullopt;
  return *number > kSecondsMax ? *number : *number * 1'000;
}

namespace {

constexpr std::size_t kBlockBytes = 1 << 20;
const GoOn kToTheEnd = [] { return true; };

constexpr std::size_t kEntryBytes = 500;  // About, without its texts.
/// Limit for a source's reason for a refusal.
constexpr std::size_t kReasonBytesMax = 1'000;

absl::Status TooLong() {
  return absl::ResourceExhaustedError(
      absl::StrCat("its ledger has more than ", kLedgerBytesMax >> 20,
                   " MB to read at once. Nothing of it was read; its source removes what is older than 30 "
                   "days"));
}

absl::Status NotYet(std::string why) { return absl::FailedPreconditionError(std::move(why)); }
absl::Status Cannot(std::string why) { return absl::InvalidArgumentError(std::move(why)); }

Literal LiteralOf(const Value& value) {
  switch (value.kind) {
    case Kind::kInteger:
      return value.integer;
    case Kind::kReal:
      return value.real;
    case Kind::kText:
    case Kind::kRawText:
      return std::string(value.bytes);
    case Kind::kBlob:
      return Bytes{std::string(value.bytes)};
    default:
      return Null{};
  }
}

/// Returns the value as people, agents and other systems see it: a day, a moment or a UUID is a text.
Literal ShownOf(const TableSchema& kept, const std::vector<std::uint32_t>& columns, const ChangeBatch& batch,
                std::size_t place, std::uint32_t row) {
  const Column& column = kept.columns[columns[place]];
  const Value value = batch.columns[place].At(row);
  const bool has_form = value.kind == (column.type == Type::kUuid ? Kind::kBlob : Kind::kInteger);
  if (!has_form || !HasTextForm(column.type)) return LiteralOf(value);
  return TextForm(column, value.integer, value.bytes);
}

FormOf FormOfColumn(const Column& column) {
  if (column.type == Type::kText || column.type == Type::kBytes) return FormOf::kNothing;
  if (column.type != Type::kAny) return FormOf::kTyped;
  // Sources use this affinity for columns of times or texts with values of other kinds.
  return column.affinity == Affinity::kText ? FormOf::kWidened : FormOf::kAny;
}

absl::StatusOr<Key> KeyOf(const std::string& json) {
  ASSIGN_OR_RETURN(std::vector<Literal> values, KeyOfJson(json));
  Key key;
  for (Literal& value : values) {
    KeyPart& part = key.emplace_back();
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      part.kind = Kind::kInteger;
      part.integer = *integer;
    } else if (const auto* real = std::get_if<double>(&value)) {
      part.kind = Kind::kReal;
      part.real = *real;
    } else if (auto* text = std::get_if<std::string>(&value)) {
      part.kind = Kind::kText;
      part.bytes = std::move(*text);
    } else if (auto* bytes = std::get_if<Bytes>(&value)) {
      part.kind = Kind::kBlob;
      part.bytes = std::move(bytes->value);
    }
  }
  return key;
}

std::string KeyText(const ChangeBatch& batch, std::size_t key_columns, std::uint32_t row) {
  std::vector<Literal> key;
  for (std::size_t i = 0; i < key_columns; ++i) key.push_back(LiteralOf(batch.columns[i].At(row)));
  return KeyJson(key);
}

HubOperation OperationOf(std::string_view word) {
  return word == "INSERT"   ? HubOperation::kInsert
         : word == "DELETE" ? HubOperation::kDelete
                            : HubOperation::kUpdate;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotLook>> SnapshotLook::Open(const HubRules& rules,
                                                                 const std::string& data_source,
                                                                 HubReading reading) {
  auto look = std::unique_ptr<SnapshotLook>(new SnapshotLook(rules, data_source, std::move(reading)));
  RETURN_IF_ERROR(look->Prepare());
  return look;
}

absl::Status SnapshotLook::Prepare() {
  for (const HubEntity& entity : rules_.entities) {
    for (const HubMember& member : entity.members) {
      if (member.data_source != data_source_) continue;
      std::vector<std::string> mapped;
      for (const auto& [attribute, column] : member.columns) mapped.push_back(column);
      RETURN_IF_ERROR(AddForm(member.table, mapped, &member));
    }
  }
  std::vector<std::string> ledger;
  for (const Column& column : LedgerSchema().columns) {
    if (column.key_position == 0) ledger.push_back(column.name);
  }
  RETURN_IF_ERROR(AddForm(std::string(kLedgerTable), ledger, nullptr));
  return CheckWhole();
}

absl::Status SnapshotLook::AddForm(const std::string& table, const std::vector<std::string>& mapped,
                                   const HubMember* member) {
  if (member != nullptr && reading_.tables.IsGone(table)) {
    return Cannot(absl::StrCat("its source has no table '", table, "' any more, or does not send it"));
  }
  if (member != nullptr && reading_.tables.IsRemade(table)) head_.remade.insert(table);
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot().ReadTable(table));
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, snapshot().ReadSchema(table));
  if (!record || !agreed) {
    if (member == nullptr) return absl::OkStatus();  // A source that takes no deliveries has no ledger.
    if (reading_.tenant.completed_cycle == 0) return NotYet("no cycle was completed yet");
    // Also a table that an operator reset, until its source sends it again.
    return NotYet(absl::StrCat("there is no table '", table, "' in the mirror"));
  }
  if (record->position.lsn.value < 0) return NotYet(absl::StrCat("table '", table, "' is to be populated"));
  if (reading_.feed.LacksRowsOf(table))
    return NotYet(absl::StrCat("table '", table, "' was not completed in the last cycle"));
  if (record->pending) return NotYet(absl::StrCat("table '", table, "' waits for the rest of a change"));
  Form form;
  form.kept = KeptForm(*agreed);
  form.columns = form.kept.Key();
  if (form.columns.empty()) return Cannot(absl::StrCat("table '", table, "' has no key"));
  form.mapped = mapped;
  std::vector<std::string> names = mapped;
  if (member != nullptr && !member->changed.empty()) {
    form.changed = member->changed;
    form.changed_format = member->changed_format;
    names.push_back(member->changed);
  }
  for (const std::string& name : names) {
    const std::optional<std::uint32_t> column = form.kept.Find(name);
    if (!column) return Cannot(absl::StrCat("table '", table, "' has no column '", name, "'"));
    if (form.kept.columns[*column].rule != Rule::kPlain) {
      return Cannot(absl::StrCat("column '", name, "' of table '", table, "' is hashed or masked"));
    }
    form.columns.push_back(*column);
    const FormOf forms = FormOfColumn(form.kept.columns[*column]);
    if (forms == FormOf::kNothing) continue;
    form.formed_whole[name] = forms;
    if (forms == FormOf::kTyped) form.formed[name] = forms;
  }
  forms_.emplace(table, std::move(form));
  return absl::OkStatus();
}

absl::Status SnapshotLook::CheckWhole() {
  ASSIGN_OR_RETURN(const JournalBounds bounds, snapshot().journal().ReadBounds());
  const TenantRecord& tenant = reading_.tenant;
  head_.anchor = {reading_.feed.journal_id, reading_.feed.number, reading_.feed.token};
  head_.last_entry = bounds.last.number;
  head_.floor = bounds.floor.number;
  head_.completed_cycle = tenant.completed_cycle;
  head_.source_older = reading_.feed.source_older;
  head_.mirror_older = reading_.feed.mirror_older;
  head_.erased = reading_.feed.erased;
  if (tenant.door() == Door::kRecords) {
    head_.completed_cycle = bounds.last.number;
    head_.always_whole = true;
    return bounds.last.number > 0 ? absl::OkStatus() : NotYet("nothing was written yet");
  }
  if (tenant.completed_cycle == 0) return NotYet("no cycle was completed yet");
  // An entry of a later cycle may be half of the changes of that cycle.
  ASSIGN_OR_RETURN(
      const std::vector<JournalEntry> last,
      snapshot().journal().ReadAfter({.after = std::max<std::int64_t>(0, bounds.last.number - 100)}));
  const bool later = std::any_of(last.begin(), last.end(), [&](const JournalEntry& entry) {
    return entry.cycle > tenant.completed_cycle;
  });
  return later ? NotYet("a cycle is under way, or was interrupted") : absl::OkStatus();
}

absl::StatusOr<std::optional<std::int64_t>> SnapshotLook::SaltOf(std::int64_t number) {
  if (number == 0) return std::optional<std::int64_t>();
  return snapshot().journal().ReadSalt(number);
}

absl::Status SnapshotLook::ReadEntry(const JournalEntry& entry, const TakeNews& take) {
  for (const auto& [table, form] : forms_) {
    if (!SameName(table, entry.table)) continue;
    const bool ledger = table == kLedgerTable;
    const bool named = entry.operation == JournalOperation::kInsert ||
                       entry.operation == JournalOperation::kUpdate ||
                       entry.operation == JournalOperation::kDelete;
    if (!named || entry.keys.empty()) return take({table, "", false});
    if (ledger) return absl::OkStatus();
    ASSIGN_OR_RETURN(const KeyBlock block, UnpackKeys(entry.keys));
    for (const Key& key : block.keys) {
      RETURN_IF_ERROR(take({table, KeyJson(key), entry.operation == JournalOperation::kDelete}));
    }
  }
  return absl::OkStatus();
}

absl::Status SnapshotLook::ReadNews(std::int64_t number, const TakeNews& take) {
  ASSIGN_OR_RETURN(const JournalBounds bounds, snapshot().journal().ReadBounds());
  // Entries that were not read were dropped: any row may have changed.
  if (bounds.floor.number > number) RETURN_IF_ERROR(take({"", "", false}));
  for (JournalPage page{.after = number};;) {
    ASSIGN_OR_RETURN(const std::vector<JournalEntry> entries, snapshot().journal().ReadAfter(page));
    if (entries.empty()) return absl::OkStatus();
    for (const JournalEntry& entry : entries) {
      RETURN_IF_ERROR(ReadEntry(entry, take));
    }
    page.after = entries.back().number;
  }
}

/// Reads the columns in the spelling of the rules. False: they cannot be read. A wrong entry of a ledger
/// written by hand is ignored, and does not stop other members.
bool SnapshotLook::TakeWrote(const std::string& json, LedgerEntry* entry) const {
  absl::StatusOr<Wrote> wrote = WroteOf(json);
  if (!wrote.ok() || (!entry->key.empty() && !KeyOfJson(entry->key).ok())) return false;
  const auto form = std::find_if(forms_.begin(), forms_.end(),
                                 [&](const auto& one) { return SameName(one.first, entry->table); });
  if (form == forms_.end()) {
    entry->wrote = *std::move(wrote);
    return true;
  }
  if (entry->key.empty() && !entry->refused) return false;
  entry->table = form->first;
  for (auto& [column, what] : *wrote) {
    const std::vector<std::string>& mapped = form->second.mapped;
    const auto name =
        std::find_if(mapped.begin(), mapped.end(),
                     [&, &written = column](const std::string& one) { return SameName(one, written); });
    entry->wrote[name == mapped.end() ? column : *name] = std::move(what);
  }
  return true;
}

absl::Status SnapshotLook::TakeLedgerRow(const ChangeBatch& batch, std::uint32_t row, std::int64_t above,
                                         std::map<std::int64_t, LedgerEntry>* entries) {
  const std::vector<std::string>& names = forms_.at(std::string(kLedgerTable)).mapped;
  const auto value = [&](std::string_view name) {
    const auto place = std::find(names.begin(), names.end(), name) - names.begin();
    return batch.columns[1 + static_cast<std::size_t>(place)].At(row);
  };
  const auto text = [&](std::string_view name) { return std::string(value(name).bytes); };
  const std::int64_t number = value("number").integer;
  last_ledger_number_ = std::max(last_ledger_number_, number);
  if (number <= above) return absl::OkStatus();
  LedgerEntry& entry = (*entries)[number];
  entry.delivery_id = std::string(batch.columns[0].At(row).bytes);
  entry.number = number;
  entry.operation = OperationOf(text("operation"));
  // An entry beside a delivery: a row that a trigger made, or replaced. No record asked for it.
  const bool beside = entry.delivery_id.find('/') != std::string::npos;
  if (beside && entry.operation == HubOperation::kInsert) entry.operation = HubOperation::kUpdate;
  entry.table = text("table_name");
  entry.key = text("key");
  if (text("state") != "APPLIED") {
    entry.refused = Refusal{value("next_at").integer, value("attempts").integer,
                            CutMessage(Printable(text("reason")), kReasonBytesMax)};
  }
  if (!TakeWrote(text("wrote"), &entry)) entries->erase(number);
  ledger_bytes_ +=
      kEntryBytes + value("wrote").bytes.size() + value("key").bytes.size() + value("reason").bytes.size();
  return ledger_bytes_ > kLedgerBytesMax ? TooLong() : absl::OkStatus();
}

absl::Status SnapshotLook::ReadWholeLedger(std::int64_t above, std::map<std::int64_t, LedgerEntry>* entries) {
  const Form& form = forms_.at(std::string(kLedgerTable));
  return snapshot().ReadRows(form.kept, form.columns, {}, kBlockBytes, kToTheEnd,
                             [&](RowBlock* block) -> absl::Status {
                               const ChangeBatch batch = ViewOf(form.kept, block);
                               for (std::uint32_t row = 0; row < batch.row_count; ++row) {
                                 RETURN_IF_ERROR(TakeLedgerRow(batch, row, above, entries));
                               }
                               return absl::OkStatus();
                             });
}

absl::Status SnapshotLook::ReadLedgerEntry(const std::string& id, std::int64_t above,
                                           std::map<std::int64_t, LedgerEntry>* entries) {
  const Form& form = forms_.at(std::string(kLedgerTable));
  return snapshot().ReadFirstRow(
      form.kept, form.columns, {{.kind = Kind::kText, .bytes = id}}, [&](RowBlock* block) {
        const ChangeBatch batch = ViewOf(form.kept, block);
        const bool is_there = batch.columns[0].At(0).bytes == id;
        return is_there ? TakeLedgerRow(batch, 0, above, entries) : absl::OkStatus();
      });
}

absl::StatusOr<std::vector<LedgerEntry>> SnapshotLook::ReadLedger(std::int64_t above,
                                                                  std::optional<std::int64_t> since) {
  std::vector<LedgerEntry> sorted;
  if (!has_ledger()) return sorted;
  std::map<std::int64_t, LedgerEntry> entries;
  last_ledger_number_ = std::max<std::int64_t>(last_ledger_number_, 0);
  if (!since) {
    RETURN_IF_ERROR(ReadWholeLedger(above, &entries));
  } else {
    std::set<std::string> ids;
    for (JournalPage page{.after = *since, .table = std::string(kLedgerTable)};;) {
      ASSIGN_OR_RETURN(const std::vector<JournalEntry> news, snapshot().journal().ReadAfter(page));
      if (news.empty()) break;
      for (const JournalEntry& entry : news) {
        if (entry.keys.empty() || entry.operation == JournalOperation::kDelete) continue;
        ASSIGN_OR_RETURN(const KeyBlock block, UnpackKeys(entry.keys));
        for (const Key& key : block.keys) ids.insert(key.front().bytes);
      }
      page.after = news.back().number;
    }
    for (const std::string& id : ids) {
      RETURN_IF_ERROR(ReadLedgerEntry(id, above, &entries));
    }
  }
  for (auto& [number, entry] : entries) sorted.push_back(std::move(entry));
  return sorted;
}

absl::StatusOr<std::int64_t> SnapshotLook::LastLedgerNumber() {
  return std::max<std::int64_t>(last_ledger_number_, 0);
}

std::optional<std::int64_t> SnapshotLook::TimeOf(const std::string& table, const Form& form,
                                                 const Literal& value) {
  const std::optional<std::int64_t> time =
      ChangedTime(form.kept.columns[form.columns.back()], value, form.changed_format);
  const auto* const text = std::get_if<std::string>(&value);
  if (!time && text != nullptr && !text->empty()) ++unread_times_[table];
  return time;
}

std::vector<HubNote> SnapshotLook::UnreadTimes() const {
  std::vector<HubNote> notes;
  for (const auto& [table, rows] : unread_times_) {
    const HubMember* const member = rules_.Find(data_source_, table).member;
    notes.push_back({.kind = HubNote::Kind::kUnreadTime,
                     .data_source = data_source_,
                     .attribute = member == nullptr ? "" : member->changed,
                     .table = table,
                     .rows = rows});
  }
  return notes;
}

const FormedColumns& SnapshotLook::FormsOf(const HubMember& member, bool whole) {
  const Form& form = forms_.at(member.table);
  return whole ? form.formed_whole : form.formed;
}

absl::StatusOr<std::optional<SourceRow>> SnapshotLook::ReadRow(const HubMember& member,
                                                               const std::string& key) {
  const Form& form = forms_.at(member.table);
  ASSIGN_OR_RETURN(const Key wanted, KeyOf(key));
  if (wanted.size() != form.kept.Key().size()) return std::optional<SourceRow>();
  std::optional<SourceRow> found;
  RETURN_IF_ERROR(snapshot().ReadFirstRow(form.kept, form.columns, wanted, [&](RowBlock* block) {
    const ChangeBatch batch = ViewOf(form.kept, block);
    if (batch.row_count == 0 || KeyText(batch, wanted.size(), 0) != key) return absl::OkStatus();
    found.emplace();
    for (std::size_t i = 0; i < form.mapped.size(); ++i) {
      found->values[form.mapped[i]] = ShownOf(form.kept, form.columns, batch, wanted.size() + i, 0);
    }
    if (!form.changed.empty()) {
      found->changed_ms = TimeOf(member.table, form, LiteralOf(batch.columns.back().At(0)));
    }
    return absl::OkStatus();
  }));
  return found;
}

absl::Status SnapshotLook::ReadRows(const HubMember& member, const TakeRow& take) {
  const Form& form = forms_.at(member.table);
  const std::size_t key_columns = form.kept.Key().size();
  return snapshot().ReadRows(form.kept, form.columns, {}, kBlockBytes, kToTheEnd, [&](RowBlock* block) {
    const ChangeBatch batch = ViewOf(form.kept, block);
    for (std::uint32_t i = 0; i < batch.row_count; ++i) {
      SourceRow row;
      for (std::size_t c = 0; c < form.mapped.size(); ++c) {
        row.values[form.mapped[c]] = ShownOf(form.kept, form.columns, batch, key_columns + c, i);
      }
      if (!form.changed.empty()) {
        row.changed_ms = TimeOf(member.table, form, LiteralOf(batch.columns.back().At(i)));
      }
      RETURN_IF_ERROR(take(KeyText(batch, key_columns, i), std::move(row)));
    }
    return absl::OkStatus();
  });
}

}  // namespace mirror
