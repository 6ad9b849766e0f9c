#include "tests/support/memory_store.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "proto/wire/limits.h"
#include "proto/wire/text_form.h"
#include "server/plan/freshness_plan.h"

namespace mirror {
namespace {

Value ValueOf(const Cell& cell) {
  return {.kind = cell.kind, .integer = cell.integer, .real = cell.real, .bytes = cell.bytes};
}

Row KeyOf(const TableSchema& schema, const Row& row) {
  Row key;
  for (const std::uint32_t index : schema.Key()) key.push_back(row[index]);
  return key;
}

/// What `column` holds once `value` is stored: kind and form as table.proto says.
Cell Stored(const Column& column, const Value& value) {
  Cell cell;
  cell.kind = value.kind == Kind::kRawText ? Kind::kText : value.kind;
  if (HasTextForm(column.type) && value.kind != Kind::kNull) {
    return Cell(TextForm(column, value.integer, value.bytes));
  }
  cell.integer = value.integer;
  cell.real = value.real == 0 ? 0.0 : value.real;
  cell.bytes = std::string(value.bytes);
  return cell;
}

Cell StoredDefault(const Column& column) {
  if (column.backfill != Backfill::kDefault || !column.default_value) return {};
  const Literal& literal = *column.default_value;
  Value value;
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    value = {.kind = Kind::kInteger, .integer = *integer};
  } else if (const auto* real = std::get_if<double>(&literal)) {
    value = {.kind = Kind::kReal, .real = *real};
  } else if (const auto* text = std::get_if<std::string>(&literal)) {
    value = {.kind = Kind::kText, .bytes = *text};
  } else if (const auto* bytes = std::get_if<Bytes>(&literal)) {
    value = {.kind = Kind::kBlob, .bytes = bytes->value};
  }
  return Stored(column, value);
}

/// As SqliteStore: fewer keys than these are not worth a count.
constexpr std::int64_t kAbsentToCount = 100;

/// One transaction over a copy of the mirror.
class Transaction {
 public:
  Transaction(MemoryMirror* mirror, std::int64_t value_bytes_max)
      : mirror_(mirror), value_bytes_max_(value_bytes_max) {}

  absl::StatusOr<CommitResult> Run(const Plan& plan) {
    CommitResult result;
    const TenantRecord before = mirror_->tenant;
    if (plan.cycle && (!before.active || before.cycle != *plan.cycle)) {
      return absl::AbortedError(absl::StrCat("cycle ", *plan.cycle, " is over"));
    }
    if (plan.tenant_expected && before != *plan.tenant_expected) {
      result.stale = true;
      return result;
    }
    if (plan.nonce) {
      absl::Status status = UseNonce(*plan.nonce, std::max(before.clock_ms, plan.now_ms));
      if (!status.ok()) return status;
    }
    if (plan.forget_old_cycles) ForgetOtherCycles(plan.tenant ? plan.tenant->cycle : before.cycle);
    std::erase_if(mirror_->retired,
                  [&](const MemoryRetired& r) { return r.retired_ms < plan.drop_retired_before_ms; });
    std::set<std::string> failed;
    bool touched = before.touched;
    for (const Step& step : plan.steps) {
      StepResult& outcome = result.steps.emplace_back();
      if (!RunStep(step, failed, &outcome)) {
        result.stale = true;
        return result;
      }
      if (!outcome.status.ok()) failed.insert(FoldName(step.table));
      touched =
          touched || (outcome.status.ok() && step.expected && step.record && *step.record != *step.expected);
    }
    KeepLedger(plan);
    if (plan.targets) mirror_->freshness.targets = *plan.targets;
    if (plan.all_as_of) {
      std::vector<TableRecord> records;
      for (const auto& [key, record] : mirror_->records) records.push_back(record);
      mirror_->freshness = WithAllAsOf(mirror_->freshness, records, *plan.all_as_of);
    }
    if (plan.answers) mirror_->answers = plan.answers(result.steps);
    if (plan.cycle_notes) KeepCycleNotes(plan.tenant.value_or(before).cycle, plan.cycle_notes(result.steps));
    KeepHooks(plan, &result);
    for (const ObjectsChange& change : plan.source_objects) {
      mirror_->source_objects.erase(FoldName(change.table));
      if (change.objects) mirror_->source_objects[FoldName(change.table)] = {change.table, *change.objects};
    }
    for (const IndexChange& change : plan.index_changes) {
      mirror_->own_indexes.erase(FoldName(change.index.name));
      if (!change.columns.empty()) mirror_->own_indexes[FoldName(change.index.name)] = change.index;
    }
    TenantRecord next = plan.tenant.value_or(before);
    if (plan.cycle && !plan.tenant) {
      if (touched != next.touched || plan.now_ms - next.progress_ms >= 1'000) next.progress_ms = plan.now_ms;
      next.touched = touched;
    }
    if (next != before) next.clock_ms = std::max(next.clock_ms, plan.now_ms);
    mirror_->tenant = next;
    return result;
  }

 private:
  void KeepCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) {
    auto& notes = mirror_->cycle_notes;
    if (changes.forget_all || mirror_->noted_cycle != cycle) notes.clear();
    mirror_->noted_cycle = cycle;
    for (const CycleNote& note : changes.forgotten) notes.erase({note.kind, FoldName(note.table)});
    for (const CycleNote& note : changes.written) notes[{note.kind, FoldName(note.table)}] = note;
  }

  void KeepHooks(const Plan& plan, CommitResult* result) {
    std::vector<HookNote>& hooks = mirror_->hooks;
    std::vector<HookNote> notes;
    if (plan.hooks) notes = plan.hooks(result->steps);
    const auto& known = plan.known_hooks;
    if (!notes.empty()) {
      std::erase_if(hooks, [&](const HookNote& note) {
        return std::find(known.begin(), known.end(), note.hook) == known.end();
      });
    }
    for (HookNote& note : notes) {
      note.id = ++mirror_->last_hook;
      hooks.push_back(std::move(note));
    }
    while (hooks.size() > static_cast<std::size_t>(kHooksWaitingMax)) {
      hooks.erase(hooks.begin());
      ++result->hooks_dropped;
    }
    for (const std::int64_t id : plan.delivered_hooks) {
      std::erase_if(hooks, [&](const HookNote& note) { return note.id == id; });
    }
  }

  void KeepLedger(const Plan& plan) {
    for (TableCheck check : plan.checks) {
      const std::string key = FoldName(check.table);
      const std::optional<std::uint64_t> counted = std::exchange(check.row_count, {});
      const auto record = mirror_->records.find(key);
      if (counted && record != mirror_->records.end()) {
        record->second.row_count = static_cast<std::int64_t>(*counted);
      }
      mirror_->checks[key] = std::move(check);
    }
    for (const std::uint64_t id : plan.settled_holds) {
      std::erase_if(mirror_->holds, [&](const Hold& hold) { return hold.id == id; });
    }
    for (Hold hold : plan.holds) {
      const auto same = std::find_if(mirror_->holds.begin(), mirror_->holds.end(), [&](const Hold& known) {
        return known.kind == hold.kind && SameName(known.table, hold.table);
      });
      if (same != mirror_->holds.end()) {
        hold.id = same->id;
        *same = std::move(hold);
      } else {
        hold.id = ++mirror_->holds_made;
        mirror_->holds.push_back(std::move(hold));
      }
    }
    for (auto& [table, losses] : mirror_->losses) {
      std::erase_if(losses, [&](const auto& loss) {
        return loss.second.committed && loss.second.at_ms < plan.forget_losses_before_ms;
      });
    }
  }

  void NoteLoss(const std::string& key, Loss loss, std::int64_t rows) {
    std::map<std::int64_t, Loss>& losses = mirror_->losses[key];
    if (rows > 0 || loss.planned >= 0) {
      const bool commits = std::exchange(loss.committed, false);
      const auto [at, fresh] = losses.try_emplace(loss.cycle, loss);
      at->second.at_ms = loss.at_ms;
      at->second.rows = (fresh ? 0 : at->second.rows) + rows;
      at->second.committed = false;
      loss.committed = commits;
    }
    if (!loss.committed) return;
    for (auto& [cycle, known] : losses) known.committed = true;
  }

  absl::Status UseNonce(const Nonce& nonce, std::int64_t clock_ms) {
    std::erase_if(mirror_->nonces, [&](const auto& known) { return known.second < clock_ms; });
    if (mirror_->nonces.contains(nonce.value)) return absl::AlreadyExistsError("the nonce was used before");
    if (mirror_->nonces.size() >= nonce.remembered_max) return absl::ResourceExhaustedError("nonces");
    mirror_->nonces[nonce.value] = nonce.expires_ms;
    return absl::OkStatus();
  }

  void ForgetOtherCycles(std::int64_t cycle) {
    std::erase_if(mirror_->shadows, [&](const auto& shadow) { return shadow.second.cycle != cycle; });
    for (auto& [table, values] : mirror_->values) {
      std::erase_if(values, [&](const auto& value) { return value.second.cycle != cycle; });
    }
  }

  std::optional<TableRecord> Record(const std::string& key) const {
    const auto found = mirror_->records.find(key);
    if (found == mirror_->records.end()) return std::nullopt;
    return found->second;
  }

  /// False: the plan is stale.
  bool RunStep(const Step& step, const std::set<std::string>& failed, StepResult* result) {
    const std::string key = FoldName(step.table);
    const std::optional<TableRecord> stored = Record(key);
    std::optional<TableRecord> expected = step.expected;
    if (stored && expected) expected->row_count = stored->row_count;
    if (stored != expected) {
      if (!failed.contains(key)) return false;
      result->status = absl::AbortedError("a batch before this one was refused");
      return true;
    }
    const MemoryMirror savepoint = *mirror_;
    result->status = RunActions(step, key, stored, result);
    if (result->status.ok()) return true;
    *mirror_ = savepoint;
    if (step.otherwise.empty()) return true;
    result->otherwise = true;
    result->reason = std::string(result->status.message());
    result->status = RunActions(step.otherwise.front(), key, stored, result);
    if (!result->status.ok()) *mirror_ = savepoint;
    return true;
  }

  absl::Status RunActions(const Step& step, const std::string& key, const std::optional<TableRecord>& stored,
                          StepResult* result) {
    rows_ = stored ? stored->row_count : -1;
    position_ = step.record ? step.record->position : Position{};
    std::vector<std::string> hashes;
    if (step.receipt) {
      for (const std::uint64_t id : step.receipt->values)
        hashes.push_back(HashOf(mirror_->values[key][id].bytes));
    }
    for (const Action& action : step.actions) {
      absl::Status status =
          std::visit([&](const auto& what) { return Do(what, step.table, key, result); }, action);
      if (!status.ok()) return status;
    }
    const std::int64_t before = stored ? stored->row_count : -1;
    if (step.settles_holds) {
      std::erase_if(mirror_->holds, [&](const Hold& hold) { return FoldName(hold.table) == key; });
    }
    if (step.loss) {
      NoteLoss(key, *step.loss, before < 0 || rows_ < 0 ? 0 : std::max<std::int64_t>(0, before - rows_));
      const auto own = mirror_->losses[key].find(step.loss->cycle);
      if (step.may_lose && own != mirror_->losses[key].end() && own->second.rows > *step.may_lose) {
        result->would_delete = own->second.rows;
        return absl::FailedPreconditionError("too many rows would be deleted");
      }
      if (step.accepted) mirror_->losses.erase(key);
    }
    if (step.source_ms) mirror_->freshness.tables[key] = step.source_ms;
    if (step.receipt) KeepReceipt(step, key, hashes, result);
    mirror_->records.erase(key);
    if (!step.record) return absl::OkStatus();
    TableRecord next = *step.record;
    next.row_count = rows_;
    mirror_->records[key] = next;
    return absl::OkStatus();
  }

  void KeepReceipt(const Step& step, const std::string& key, const std::vector<std::string>& hashes,
                   StepResult* result) {
    std::optional<OpenReceipt> open;
    if (const auto found = mirror_->open_receipts.find(key); found != mirror_->open_receipts.end()) {
      open = found->second;
    }
    open = AddToReceipt(open, *step.receipt, WithLargeValues(step.receipt->digest, hashes));
    if (!open) return;
    if (!step.receipt->commit) {
      mirror_->open_receipts[key] = *open;
      return;
    }
    ReceiptHead head;
    if (!mirror_->receipts.empty()) {
      head = {mirror_->receipts.rbegin()->first, HashOf(mirror_->receipts.rbegin()->second)};
    }
    result->receipt = ReceiptText(CloseReceipt(head, mirror_->tenant.context_id, step.table,
                                               step.record->position, *open, *step.receipt));
    mirror_->receipts[head.number + 1] = result->receipt;
  }

  absl::Status Do(const CreateTable& create, const std::string&, const std::string&, StepResult*) {
    const std::string name = FoldName(create.schema.name);
    if (mirror_->tables.contains(name)) return absl::FailedPreconditionError("the table is there");
    mirror_->tables[name] = MemoryTable{create.schema, {}, {}};
    mirror_->freshness.tables[name] = std::nullopt;
    rows_ = 0;
    return absl::OkStatus();
  }

  absl::Status Do(const AlterTable& alter, const std::string&, const std::string& key, StepResult*) {
    const auto found = mirror_->tables.find(key);
    if (found == mirror_->tables.end()) return absl::FailedPreconditionError("no such table");
    MemoryTable& table = found->second;
    const auto each = [&](const auto& change) {
      for (auto& [row_key, row] : table.keyed) change(row);
      for (Row& row : table.keyless) change(row);
    };
    for (const auto& change : alter.changes) {
      if (const auto* add = std::get_if<AddColumn>(&change)) {
        if (table.schema.Find(add->column.name)) return absl::FailedPreconditionError("the column is there");
        table.schema.columns.push_back(add->column);
        each([&](Row& row) { row.push_back(StoredDefault(add->column)); });
      } else if (const auto* drop = std::get_if<DropColumn>(&change)) {
        const std::optional<std::uint32_t> index = table.schema.Find(drop->name);
        if (!index) return absl::FailedPreconditionError("no such column");
        if (table.schema.columns[*index].key_position != 0) return absl::FailedPreconditionError("key");
        table.schema.columns.erase(table.schema.columns.begin() + *index);
        std::map<std::string, Position>& lost = mirror_->lost_columns[key];
        std::erase_if(lost, [&](const auto& one) { return one.second != position_; });
        lost[FoldName(drop->name)] = position_;
        each([&](Row& row) { row.erase(row.begin() + *index); });
      } else {
        const auto& rename = std::get<RenameColumn>(change);
        const std::optional<std::uint32_t> index = table.schema.Find(rename.from);
        const std::optional<std::uint32_t> taken = table.schema.Find(rename.to);
        if (!index || (taken && taken != index)) return absl::FailedPreconditionError("cannot be renamed");
        table.schema.columns[*index].name = rename.to;
      }
    }
    return absl::OkStatus();
  }

  absl::Status Do(const RefitTable& refit, const std::string& name, const std::string& key,
                  StepResult* result) {
    return Do(refit.alter, name, key, result);
  }

  absl::Status Do(const AgreeSchema& agree, const std::string&, const std::string&, StepResult*) {
    mirror_->agreed[FoldName(agree.schema.name)] = agree.schema;
    return absl::OkStatus();
  }

  void Forget(const std::string& key) {
    mirror_->open_receipts.erase(key);
    mirror_->agreed.erase(key);
    mirror_->shadows.erase(key);
    mirror_->values.erase(key);
    mirror_->lost_columns.erase(key);
    mirror_->checks.erase(key);
    mirror_->freshness.tables.erase(key);
    mirror_->losses.erase(key);
    mirror_->source_objects.erase(key);
    std::erase_if(mirror_->own_indexes, [&](const auto& one) { return FoldName(one.second.table) == key; });
    std::erase_if(mirror_->holds, [&](const Hold& hold) { return FoldName(hold.table) == key; });
  }

  absl::Status Do(const RetireTable& retire, const std::string&, const std::string& key, StepResult*) {
    Forget(key);
    if (const auto found = mirror_->tables.find(key); found != mirror_->tables.end()) {
      mirror_->retired.push_back({retire.now_ms, found->second});
      mirror_->tables.erase(found);
    }
    return absl::OkStatus();
  }

  absl::Status Do(const DropTable&, const std::string&, const std::string& key, StepResult*) {
    Forget(key);
    mirror_->tables.erase(key);
    return absl::OkStatus();
  }

  absl::Status Do(const BeginShadow& begin, const std::string&, const std::string& key, StepResult*) {
    mirror_->shadows[key] = MemoryShadow{begin.cycle, MemoryTable{begin.schema, {}, {}}};
    return absl::OkStatus();
  }

  absl::Status Do(const SwapShadow& swap, const std::string& name, const std::string& key,
                  StepResult* result) {
    const auto shadow = mirror_->shadows.find(key);
    const auto table = mirror_->tables.find(key);
    if (shadow == mirror_->shadows.end() || table == mirror_->tables.end()) {
      return absl::FailedPreconditionError("the shadow or the table is gone");
    }
    if (swap.may_lose) {
      const auto& kept = shadow->second.table.keyed;
      const std::int64_t absent = std::count_if(table->second.keyed.begin(), table->second.keyed.end(),
                                                [&](const auto& row) { return !kept.contains(row.first); });
      const std::int64_t fewer = std::max<std::int64_t>(0, rows_ - shadow->second.table.size());
      const std::int64_t lost = std::max(absent < kAbsentToCount ? 0 : absent, fewer);
      if (lost > *swap.may_lose) {
        result->would_lose = lost;
        return absl::FailedPreconditionError("too many rows would vanish");
      }
    }
    if (const auto check = mirror_->checks.find(key); check != mirror_->checks.end()) {
      check->second = {check->second.table, Equality::kUnknown, Position{}, 0, 0, check->second.wanted};
    }
    table->second = shadow->second.table;
    table->second.schema.name = name;
    rows_ = table->second.size();
    mirror_->shadows.erase(shadow);
    return absl::OkStatus();
  }

  absl::Status Do(const KeepPart& part, const std::string&, const std::string& key, StepResult*) {
    std::map<std::uint64_t, MemoryValue>& values = mirror_->values[key];
    const std::uint64_t held = values.contains(part.value_id) ? values[part.value_id].bytes.size() : 0;
    if (part.offset < held) return absl::OkStatus();
    if (part.offset > held) return absl::FailedPreconditionError("send the parts in order");
    std::uint64_t waiting = part.data.size();
    for (const auto& [table, of_table] : mirror_->values) {
      for (const auto& [id, value] : of_table) waiting += value.bytes.size();
    }
    const auto max = static_cast<std::uint64_t>(value_bytes_max_);
    if (held + part.data.size() > max || waiting > 2 * max) return absl::ResourceExhaustedError("too large");
    values[part.value_id].cycle = part.cycle;
    values[part.value_id].bytes += part.data;
    return absl::OkStatus();
  }

  absl::Status Do(const ApplyRows& apply, const std::string&, const std::string& key, StepResult* result) {
    MemoryTable* table = nullptr;
    if (apply.into_shadow) {
      const auto shadow = mirror_->shadows.find(key);
      if (shadow == mirror_->shadows.end()) return absl::FailedPreconditionError("the shadow is gone");
      table = &shadow->second.table;
    } else {
      const auto found = mirror_->tables.find(key);
      if (found == mirror_->tables.end()) return absl::FailedPreconditionError("no such table");
      table = &found->second;
    }
    const std::int64_t before = table->size();
    std::set<std::uint64_t> used;
    for (std::uint32_t row = 0; row < apply.batch->row_count; ++row) {
      absl::Status status = ApplyRow(apply, row, key, table, &used, result);
      if (!status.ok()) {
        result->missing_rows.clear();
        return status;
      }
      if (result->more_missing) break;
    }
    if (!result->missing_rows.empty()) return absl::FailedPreconditionError("rows are missing");
    for (const std::uint64_t id : used) mirror_->values[key].erase(id);
    if (!apply.into_shadow && rows_ >= 0) rows_ += table->size() - before;
    return absl::OkStatus();
  }

  absl::Status ApplyRow(const ApplyRows& apply, std::uint32_t row, const std::string& key, MemoryTable* table,
                        std::set<std::uint64_t>* used, StepResult* result) {
    const TableSchema& schema = *apply.schema;
    Row values(schema.columns.size());
    std::vector<bool> given(schema.columns.size());
    for (const ColumnView& view : apply.batch->columns) {
      Value value;
      if (!view.IsNull(row)) value = view.At(row);
      const Column& column = schema.columns[view.column];
      if (value.large != nullptr) {
        const MemoryValue& whole = mirror_->values[key][value.large->value_id];
        if (whole.cycle != apply.cycle || whole.bytes.size() != value.large->size) {
          return absl::FailedPreconditionError("send the missing parts");
        }
        if (value.kind == Kind::kText && !CheckText(column, whole.bytes).ok()) {
          return absl::InvalidArgumentError("the value is not text");
        }
        used->insert(value.large->value_id);
        value.bytes = whole.bytes;
      }
      values[view.column] = Stored(column, value);
      given[view.column] = true;
    }
    const Row row_key = KeyOf(schema, values);
    switch (apply.batch->operation) {
      case Operation::kDelete:
        table->keyed.erase(row_key);
        return absl::OkStatus();
      case Operation::kUpdate: {
        const auto found = table->keyed.find(row_key);
        if (found == table->keyed.end()) {
          result->more_missing = result->missing_rows.size() == kMissingKeysMax;
          if (!result->more_missing) result->missing_rows.push_back(row);
          return absl::OkStatus();
        }
        values = Merged(*table, found->second, schema, values, given);
        table->keyed.erase(found);
        break;
      }
      default:
        values = Merged(*table, Row(table->schema.columns.size()), schema, values, given);
        table->keyed.erase(row_key);
    }
    if (row_key.empty()) {
      table->keyless.push_back(std::move(values));
    } else {
      table->keyed.emplace(row_key, std::move(values));
    }
    return absl::OkStatus();
  }

  /// `old`, in the columns of `table`, with what is given of `values`, which are in those of `schema`.
  static Row Merged(const MemoryTable& table, Row old, const TableSchema& schema, const Row& values,
                    const std::vector<bool>& given) {
    for (std::size_t i = 0; i < schema.columns.size(); ++i) {
      if (given[i]) old.at(table.schema.Find(schema.columns[i].name).value()) = values[i];
    }
    return old;
  }

  MemoryMirror* mirror_;
  std::int64_t value_bytes_max_;
  std::int64_t rows_ = -1;
  Position position_;  ///< Where the step brings its table.
};

/// The mirror as it was when this was made.
class MemorySnapshot final : public Snapshot {
 public:
  explicit MemorySnapshot(const MemoryMirror& mirror)
      : mirror_(std::make_shared<MemoryMirror>(mirror)), store_(mirror_, mirror.tenant.context_id) {}

  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return store_.ReadTable(table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override { return store_.ReadTables(); }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return store_.ReadSchema(table);
  }

  absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                  const std::vector<std::uint32_t>& columns,
                                                  const std::vector<KeyRange>& ranges,
                                                  const GoOn& go_on) override {
    std::vector<RangeDigest> digests;
    const std::vector<KeyRange> all(1);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      if (!go_on()) return absl::CancelledError("called off");
      RangeDigest& digest = digests.emplace_back();
      for (const Row& row : Within(table, range)) digest.Add(DigestOf(row, columns));
    }
    return digests;
  }

  absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                        const std::vector<KeyRange>& ranges, std::size_t, const GoOn& go_on,
                        const TakeRows& take) override {
    RowBlock block = RowBlock::For(table, columns);
    const std::vector<KeyRange> all(1);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      if (!go_on()) return absl::CancelledError("called off");
      for (const Row& row : Within(table, range)) {
        for (ColumnBuffer& buffer : block.columns) Append(row[buffer.column()], &buffer);
      }
    }
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  absl::Status CopyTo(const std::string&, const GoOnCopying&) override {
    return absl::UnimplementedError("memory has no file");
  }

 private:
  Row Bound(const TableSchema& table, const Key& key) const {
    Row bound;
    const std::vector<std::uint32_t> columns = table.Key();
    for (std::size_t i = 0; i < key.size(); ++i) {
      const Value value{
          .kind = key[i].kind, .integer = key[i].integer, .real = key[i].real, .bytes = key[i].bytes};
      bound.push_back(Stored(table.columns[columns[i]], value));
    }
    return bound;
  }

  Rows Within(const TableSchema& table, const KeyRange& range) const {
    const MemoryTable& found = mirror_->tables.at(FoldName(table.name));
    Rows rows = found.keyless;
    const Row first = Bound(table, range.first), last = Bound(table, range.last);
    const CellsInKeyOrder less;
    for (const auto& [key, row] : found.keyed) {
      if ((first.empty() || !less(key, first)) && (last.empty() || less(key, last))) rows.push_back(row);
    }
    return rows;
  }

  static std::uint64_t DigestOf(const Row& row, const std::vector<std::uint32_t>& columns) {
    RowDigest digest;
    for (const std::uint32_t column : columns) {
      const Cell& cell = row[column];
      switch (cell.kind) {
        case Kind::kNull:
          digest.AddNull();
          break;
        case Kind::kInteger:
          digest.AddInteger(cell.integer);
          break;
        case Kind::kReal:
          digest.AddReal(cell.real);
          break;
        case Kind::kBlob:
          digest.AddBytes(cell.bytes);
          break;
        default:
          digest.AddText(cell.bytes);
      }
    }
    return digest.Finish();
  }

  /// For columns without a text form.
  static void Append(const Cell& cell, ColumnBuffer* buffer) {
    switch (cell.kind) {
      case Kind::kNull:
        buffer->AppendNull();
        break;
      case Kind::kInteger:
        buffer->AppendInt(cell.integer);
        break;
      case Kind::kReal:
        buffer->AppendDouble(cell.real);
        break;
      default:
        buffer->AppendBytes(cell.bytes, cell.kind);
    }
  }

  std::shared_ptr<MemoryMirror> mirror_;
  mutable MemoryStore store_;
};

}  // namespace

bool CellsInKeyOrder::operator()(const Row& a, const Row& b) const {
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const Cell& left, const Cell& right) { return CompareValues(ValueOf(left), ValueOf(right)) < 0; });
}

Rows MemoryTable::All() const {
  Rows rows = keyless;
  for (const auto& [key, row] : keyed) rows.push_back(row);
  return rows;
}

MemoryStore::MemoryStore(std::shared_ptr<MemoryMirror> mirror, const std::string& context_id,
                         std::int64_t value_bytes_max)
    : mirror_(std::move(mirror)), context_id_(context_id), value_bytes_max_(value_bytes_max) {
  mirror_->tenant.context_id = context_id;
}

absl::StatusOr<TenantRecord> MemoryStore::ReadTenant() { return mirror_->tenant; }

absl::StatusOr<std::optional<TableRecord>> MemoryStore::ReadTable(const std::string& table) {
  const auto found = mirror_->records.find(FoldName(table));
  if (found == mirror_->records.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::optional<TableSchema>> MemoryStore::ReadSchema(const std::string& table) {
  const auto found = mirror_->agreed.find(FoldName(table));
  if (found == mirror_->agreed.end() || !mirror_->tables.contains(found->first)) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::ReadLostColumns(const std::string& table) {
  const std::string key = FoldName(table);
  std::vector<std::string> names;
  const auto record = mirror_->records.find(key);
  const auto lost = mirror_->lost_columns.find(key);
  if (record == mirror_->records.end() || lost == mirror_->lost_columns.end()) return names;
  for (const auto& [name, position] : lost->second) {
    if (record->second.position == position) names.push_back(name);
  }
  return names;
}

absl::StatusOr<std::vector<TableRecord>> MemoryStore::ReadTables() {
  std::vector<TableRecord> records;
  for (const auto& [key, record] : mirror_->records) records.push_back(record);
  return records;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::AgreedTables() {
  std::vector<std::string> names;
  for (const auto& [key, schema] : mirror_->agreed) names.push_back(schema.name);
  return names;
}

absl::StatusOr<std::optional<HookNote>> MemoryStore::ReadHook(const std::string& hook) {
  for (const HookNote& note : mirror_->hooks) {
    if (note.hook == hook) return note;
  }
  return std::optional<HookNote>();
}

absl::StatusOr<std::vector<CycleNote>> MemoryStore::ReadCycleNotes() {
  std::vector<CycleNote> notes;
  if (mirror_->noted_cycle != mirror_->tenant.cycle) return notes;
  for (const auto& [key, note] : mirror_->cycle_notes) notes.push_back(note);
  return notes;
}

absl::StatusOr<std::vector<KeptObjects>> MemoryStore::ReadSourceObjects() {
  std::vector<KeptObjects> kept;
  for (const auto& [key, objects] : mirror_->source_objects) kept.push_back(objects);
  return kept;
}

absl::StatusOr<std::vector<OwnIndex>> MemoryStore::ReadOwnIndexes() {
  std::vector<OwnIndex> indexes;
  for (const auto& [key, index] : mirror_->own_indexes) indexes.push_back(index);
  return indexes;
}

absl::StatusOr<std::vector<SchemaAnswer>> MemoryStore::ReadAnswers() { return mirror_->answers; }

absl::StatusOr<std::vector<TableCheck>> MemoryStore::ReadChecks() {
  std::vector<TableCheck> checks;
  for (const auto& [key, check] : mirror_->checks) checks.push_back(check);
  return checks;
}

absl::StatusOr<ReceiptHead> MemoryStore::ReadReceiptHead() {
  if (mirror_->receipts.empty()) return ReceiptHead{};
  return ReceiptHead{mirror_->receipts.rbegin()->first, HashOf(mirror_->receipts.rbegin()->second)};
}

absl::StatusOr<std::vector<std::string>> MemoryStore::ReadReceipts(std::uint64_t after,
                                                                   std::size_t count_max) {
  std::vector<std::string> texts;
  for (auto at = mirror_->receipts.upper_bound(after); at != mirror_->receipts.end(); ++at) {
    if (texts.size() == count_max) break;
    texts.push_back(at->second);
  }
  return texts;
}

absl::StatusOr<std::vector<Loss>> MemoryStore::ReadLosses(const std::string& table) {
  std::vector<Loss> losses;
  for (const auto& [cycle, loss] : mirror_->losses[FoldName(table)]) losses.push_back(loss);
  return losses;
}

absl::StatusOr<std::unique_ptr<Snapshot>> MemoryStore::OpenSnapshot() {
  return std::make_unique<MemorySnapshot>(*mirror_);
}

absl::Status MemoryStore::CheckTableName(const std::string& table) {
  const std::string name = FoldName(table);
  if (absl::StartsWith(name, "_mirror_") || name == FoldName(context_id_ + "_mirroring")) {
    return absl::InvalidArgumentError(absl::StrCat("table '", table, "': the name is the mirror's own"));
  }
  return absl::OkStatus();
}

absl::StatusOr<CommitResult> MemoryStore::Commit(const Plan& plan) {
  MemoryMirror copy = *mirror_;
  absl::StatusOr<CommitResult> result = Transaction(&copy, value_bytes_max_).Run(plan);
  if (result.ok() && !result->stale) *mirror_ = std::move(copy);
  return result;
}

}  // namespace mirror
