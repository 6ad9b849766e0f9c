#include "client/source/steps/pipeline_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

}  // namespace

Pipeline::Pipeline(std::vector<TableSteps> steps, absl::StatusOr<std::optional<TenantHashKey>> key,
                   std::map<std::string, std::string> records)
    : steps_(std::move(steps)), key_(std::move(key)), records_(std::move(records)) {
  for (const auto& [name, record] : records_) kept_[FoldName(name)] = Read(name, record);
}

const TableSteps* Pipeline::Find(const std::string& source_name) const {
  for (const TableSteps& steps : steps_) {
    if (SameName(steps.table, source_name)) return &steps;
  }
  return nullptr;
}

const TableSteps* Pipeline::FindSent(const std::string& name) const {
  for (const TableSteps& steps : steps_) {
    if (SameName(steps.name(), name)) return &steps;
  }
  return nullptr;
}

/// Reads a table's record. The record that an inner reader wrote alone does not begin with '{'.
Pipeline::Kept Pipeline::Read(const std::string& name, const std::string& record) {
  Kept kept{.source = name, .inner = record};
  const Json json = Json::parse(record, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return kept;
  kept.inner = "";
  try {
    kept.fingerprint = json.at("steps").get<std::string>();
    kept.source = json.at("source").get<std::string>();
    for (const Json& column : json.at("columns")) {
      kept.columns.push_back(
          {column.at(0).get<std::string>(), column.at(1).get<std::string>(), column.at(2).get<bool>()});
    }
    kept.inner = json.at("inner").get<std::string>();
  } catch (const Json::exception&) {
    // The record was edited by hand: the table counts as changed.
    kept.fingerprint = "unreadable";
  }
  return kept;
}

std::map<std::string, std::string> Pipeline::InnerRecords() const {
  std::map<std::string, std::string> inner;
  for (const auto& [name, record] : records_) {
    const Kept& kept = kept_.at(FoldName(name));
    if (!kept.inner.empty()) inner[kept.source] = kept.inner;
  }
  return inner;
}

std::string Pipeline::MakeRecord(const TableSteps& steps, const TableSchema& source, const TableSchema& sent,
                                 const std::vector<std::uint32_t>& origin, const std::string& inner) const {
  Json columns = Json::array();
  for (std::size_t i = 0; i < origin.size(); ++i) {
    const std::string& from = source.columns[origin[i]].name;
    columns.push_back({from, sent.columns[i].name, steps.TurnOf(from).rule != Rule::kPlain});
  }
  const Json json = {{"steps", FingerprintOf(steps, KeyOrNull())},
                     {"source", source.name},
                     {"columns", std::move(columns)},
                     {"inner", inner}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Pipeline::RecordOf(const TableSteps& steps) const {
  for (const auto& [name, record] : records_) {
    if (SameName(name, steps.name())) return record;
  }
  return "";
}

std::optional<TableSchema> Pipeline::FormerForm(const TableSteps& steps, const TableSchema& source,
                                                std::vector<std::uint32_t>* origin) const {
  const auto kept = kept_.find(FoldName(steps.name()));
  if (kept == kept_.end()) return std::nullopt;
  TableSchema former = source;
  if (!steps.as.empty()) former.name = steps.as;
  if (!kept->second.columns.empty()) former.columns.clear();
  for (std::uint32_t i = 0; i < source.columns.size(); ++i) {
    if (kept->second.columns.empty()) origin->push_back(i);
    for (const Kept::Sent& sent : kept->second.columns) {
      if (!SameName(sent.from, source.columns[i].name)) continue;
      Column& column = former.columns.emplace_back(source.columns[i]);
      column.name = sent.to;
      if (sent.as_text) TurnToText(&column);
      origin->push_back(i);
    }
  }
  if (!CheckTable(former).ok()) return std::nullopt;
  return former;
}

std::vector<Pipeline::Change> Pipeline::Changed() const {
  std::vector<Change> changed;
  for (const TableSteps& steps : steps_) {
    const auto kept = kept_.find(FoldName(steps.name()));
    const std::string before = kept == kept_.end() ? "" : kept->second.fingerprint;
    if (FingerprintOf(steps, KeyOrNull()) != before) {
      changed.push_back({steps.table, steps.name(), kept != kept_.end()});
    }
  }
  for (const auto& [name, record] : records_) {
    const Kept& kept = kept_.at(FoldName(name));
    if (!kept.fingerprint.empty() && FindSent(name) == nullptr) {
      changed.push_back({kept.source, name, true});
    }
  }
  return changed;
}

namespace {

/// Translates column indexes of the source's form to those of the mirror's form.
class Renumbered : public ChangeReader {
 public:
  Renumbered(std::unique_ptr<ChangeReader> inner, const std::vector<std::uint32_t>& origin)
      : inner_(std::move(inner)) {
    for (std::uint32_t i = 0; i < origin.size(); ++i) {
      if (origin[i] >= sent_.size()) sent_.resize(origin[i] + 1);
      sent_[origin[i]] = i;
    }
  }

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    Sink below(sent_, sink);
    absl::StatusOr<ChangePiece> piece = inner_->Next(size, &below);
    if (!piece.ok()) return piece;
    for (ChangeBlock& block : piece->blocks) {
      for (ColumnBuffer& column : block.rows.columns) column.set_column(sent_[column.column()]);
    }
    return piece;
  }

 private:
  class Sink : public LargeSink {
   public:
    Sink(const std::vector<std::uint32_t>& sent, LargeSink* sink) : sent_(sent), sink_(sink) {}
    std::uint64_t NewValue() override { return sink_->NewValue(); }
    absl::Status Part(std::uint32_t column, std::uint64_t value_id, std::uint64_t offset,
                      std::string_view data) override {
      return sink_->Part(sent_[column], value_id, offset, data);
    }

   private:
    const std::vector<std::uint32_t>& sent_;
    LargeSink* const sink_;
  };

  const std::unique_ptr<ChangeReader> inner_;
  std::vector<std::uint32_t> sent_;  ///< By the source's index.
};

}  // namespace

const PipelineReader::Origin* PipelineReader::Find(const std::string& table) const {
  const auto found = tables_.find(FoldName(table));
  return found == tables_.end() ? nullptr : &found->second;
}

absl::StatusOr<std::vector<std::string>> PipelineReader::TableNames() {
  if (!pipeline_.key().ok()) return pipeline_.key().status();
  absl::StatusOr<std::vector<std::string>> names = inner_->TableNames();
  if (!names.ok()) return names;
  names_.clear();
  for (std::string& name : *names) {
    const TableSteps* const steps = pipeline_.Find(name);
    // The table has the source's spelling, unless it is renamed.
    std::string sent = steps == nullptr || steps->as.empty() ? name : steps->as;
    names_[FoldName(sent)] = name;
    name = std::move(sent);
  }
  return names;
}

std::string PipelineReader::SourceName(const std::string& table) const {
  if (const Origin* const origin = Find(table)) return origin->source.name;
  const auto found = names_.find(FoldName(table));
  return found == names_.end() ? table : found->second;
}

absl::StatusOr<SourceSchema> PipelineReader::Schema() {
  if (!pipeline_.key().ok()) return pipeline_.key().status();
  absl::StatusOr<SourceSchema> schema = inner_->Schema();
  if (!schema.ok()) return schema;
  tables_.clear();
  std::vector<std::string> met;
  for (auto* const left : {&schema->refused, &schema->blocked}) {
    for (const RefusedTable& table : *left) met.push_back(table.name);
  }
  std::erase_if(schema->tables, [&](SourceTable& table) {
    const std::string name = table.schema.name;
    met.push_back(name);
    std::string refused;
    if (Put(&table, &refused)) return false;
    schema->refused.push_back({name, std::move(refused)});
    return true;
  });
  for (const TableSteps& steps : pipeline_.steps()) {
    const bool there = std::any_of(met.begin(), met.end(),
                                   [&](const std::string& name) { return SameName(name, steps.table); });
    if (there) continue;
    if (!steps.hash.empty() || !steps.mask.empty() || !steps.columns.empty() || !steps.where.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the source has no table '", steps.table, "', but the [[source.table]] in line ", steps.line,
          " limits what may be sent of it. A table with another name would be sent unprotected, so nothing "
          "of the source was sent. Correct 'name', or remove the [[source.table]]"));
    }
    schema->notes.push_back(absl::StrCat("the source has no table '", steps.table,
                                         "', which the [[source.table]] in line ", steps.line, " names"));
  }
  return schema;
}

/// Returns the indexes and foreign keys with the mirror's names. Those with columns that are not sent are
/// only counted.
SourceObjects PipelineReader::SentObjects(SourceObjects objects, const Origin& origin) const {
  const auto sent = [&](std::string* name) {
    const std::optional<std::uint32_t> at = origin.source.Find(*name);
    const auto found =
        at ? std::find(origin.columns.begin(), origin.columns.end(), *at) : origin.columns.end();
    if (found == origin.columns.end()) return false;
    *name = origin.sent.columns[static_cast<std::size_t>(found - origin.columns.begin())].name;
    return true;
  };
  objects.more += static_cast<std::uint32_t>(std::erase_if(objects.indexes, [&](SourceIndex& index) {
    return !std::all_of(index.columns.begin(), index.columns.end(),
                        [&](IndexColumn& column) { return sent(&column.name); });
  }));
  objects.more += static_cast<std::uint32_t>(std::erase_if(objects.foreign_keys, [&](SourceForeignKey& key) {
    return !std::all_of(key.columns.begin(), key.columns.end(),
                        [&](std::string& column) { return sent(&column); });
  }));
  if (origin.columns.size() < origin.source.columns.size()) {
    objects.more += static_cast<std::uint32_t>(objects.untold.size());
    objects.untold.clear();
  }
  for (SourceForeignKey& key : objects.foreign_keys) {
    const TableSteps* const other = pipeline_.Find(key.table);
    if (other == nullptr) continue;
    key.table = other->name();
    for (std::string& column : key.table_columns) column = other->SentColumn(column);
  }
  return objects;
}

bool PipelineReader::Put(SourceTable* table, std::string* refused) {
  Origin origin{table->schema, table->schema, {}};
  const TableSteps* const steps = pipeline_.Find(table->schema.name);
  if (steps == nullptr) {
    for (std::uint32_t i = 0; i < table->schema.columns.size(); ++i) origin.columns.push_back(i);
  } else if (const absl::Status fits = CheckSteps(table->schema, *steps); fits.ok()) {
    origin.sent = SentForm(table->schema, *steps, &origin.columns);
    const bool sound = table->problem.empty();
    table->record =
        sound ? pipeline_.MakeRecord(*steps, origin.source, origin.sent, origin.columns, table->record)
              : pipeline_.RecordOf(*steps);
  } else {
    std::optional<TableSchema> former = pipeline_.FormerForm(*steps, table->schema, &origin.columns);
    if (!former) {
      *refused = std::string(fits.message());
      return false;
    }
    origin.sent = *std::move(former);
    table->problem = std::string(fits.message());
    table->record = pipeline_.RecordOf(*steps);
  }
  if (Find(origin.sent.name) != nullptr) {
    *refused = absl::StrCat("the mirror would have two tables '", origin.sent.name,
                            "': give one of them another 'as'");
    return false;
  }
  table->schema = origin.sent;
  if (table->objects) table->objects = SentObjects(*std::move(table->objects), origin);
  if (steps != nullptr) table->steps = FingerprintOf(*steps, *pipeline_.key() ? &**pipeline_.key() : nullptr);
  tables_[FoldName(origin.sent.name)] = std::move(origin);
  return true;
}

absl::StatusOr<PipelineReader::Below> PipelineReader::Go(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns) const {
  const Origin* const origin = Find(table);
  if (origin == nullptr) return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  Below below{origin->source.name, {}, origin};
  for (const std::uint32_t column : columns) below.columns.push_back(origin->columns[column]);
  return below;
}

absl::StatusOr<std::uint64_t> PipelineReader::CountRows(const std::string& table) {
  const absl::StatusOr<Below> below = Go(table, {});
  return below.ok() ? inner_->CountRows(below->table) : below.status();
}

absl::StatusOr<std::unique_ptr<TableReader>> PipelineReader::Read(const std::string& table,
                                                                  const std::vector<std::uint32_t>& columns) {
  // The caller owns the block, and identifies its columns by index. So names need not be translated.
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  return inner_->Read(below.table, below.columns);
}

absl::StatusOr<std::unique_ptr<ChangeReader>> PipelineReader::Changes(
    const std::string& table, Lsn from, const std::vector<std::uint32_t>& columns, bool whole_rows,
    bool count_all, std::vector<Key> also) {
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  ASSIGN_OR_RETURN(auto changes,
                   inner_->Changes(below.table, from, below.columns, whole_rows, count_all, std::move(also)));
  return std::make_unique<Renumbered>(std::move(changes), below.origin->columns);
}

absl::StatusOr<std::unique_ptr<ChangeReader>> PipelineReader::RowsOf(
    const std::string& table, const std::vector<std::uint32_t>& columns, std::vector<Key> keys) {
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  ASSIGN_OR_RETURN(auto rows, inner_->RowsOf(below.table, below.columns, std::move(keys)));
  return std::make_unique<Renumbered>(std::move(rows), below.origin->columns);
}

absl::StatusOr<std::unique_ptr<DigestReader>> PipelineReader::Digests(
    const std::string& table, const std::vector<std::uint32_t>& columns) {
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  return inner_->Digests(below.table, below.columns);
}

absl::StatusOr<std::unique_ptr<DigestReader>> PipelineReader::Scan(
    const std::string& table, const std::vector<std::uint32_t>& columns) {
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  return inner_->Scan(below.table, below.columns);
}

absl::StatusOr<std::unique_ptr<DigestReader>> PipelineReader::ScanByColumn(
    const std::string& table, const std::vector<std::uint32_t>& columns) {
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  return inner_->ScanByColumn(below.table, below.columns);
}

absl::StatusOr<std::unique_ptr<DigestReader>> PipelineReader::ScanFrom(
    const std::string& table, const std::vector<std::uint32_t>& columns, const RowBound& bound) {
  ASSIGN_OR_RETURN(const Below below, Go(table, columns));
  RowBound inner{below.origin->columns[bound.column], bound.from, {}, bound.left_out, bound.by_column};
  for (const std::uint32_t part : bound.key) inner.key.push_back(below.origin->columns[part]);
  return inner_->ScanFrom(below.table, below.columns, inner);
}

absl::StatusOr<SourceReader::ColumnFacts> PipelineReader::LookAtColumn(const std::string& table,
                                                                       std::uint32_t column) {
  ASSIGN_OR_RETURN(const Below below, Go(table, {column}));
  return inner_->LookAtColumn(below.table, below.columns[0]);
}

absl::StatusOr<std::vector<std::string>> PipelineHistory::Renew(const std::vector<std::string>& tables) {
  std::vector<std::string> names;
  for (const std::string& table : tables) names.push_back(SourceName(table));
  return inner_.Renew(names);
}

bool PipelineHistory::Complete(TableSchema& schema) {
  const PipelineReader::Origin* const origin = reader_.Find(schema.name);
  if (origin == nullptr) return inner_.Complete(schema);
  TableSchema source = origin->source;
  if (!inner_.Complete(source)) return false;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    Column& column = schema.columns[i];
    const Column& before = origin->source.columns[origin->columns[i]];
    const Column& now = source.columns[origin->columns[i]];
    column.backfill = now.backfill;
    // The default from the history. The history gives none for columns whose values are hashed or masked.
    if (!before.default_value) column.default_value = now.default_value;
    // The default is hashed or masked in the mirror, so it is not the value there.
    if (column.backfill == Backfill::kDefault && !column.default_value) column.backfill = Backfill::kUnknown;
  }
  return true;
}

absl::StatusOr<std::map<std::string, Position>> PipelineHistory::Begin(const std::vector<std::string>& tables,
                                                                       std::int64_t highest) {
  std::vector<std::string> names;
  for (const std::string& table : tables) names.push_back(SourceName(table));
  absl::StatusOr<std::map<std::string, Position>> targets = inner_.Begin(names, highest);
  if (!targets.ok()) return targets;
  std::map<std::string, Position> sent;
  for (std::size_t i = 0; i < tables.size(); ++i) sent[tables[i]] = targets->at(names[i]);
  return sent;
}

absl::Status PipelineHistory::Forget(const std::map<std::string, Position>& durable) {
  std::map<std::string, Position> source;
  for (const auto& [table, position] : durable) source[SourceName(table)] = position;
  return inner_.Forget(source);
}

}  // namespace mirror
