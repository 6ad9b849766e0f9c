#include "client/source/steps/pipeline.h"

#include <nlohmann/json.hpp>

#include "base/folded_name.h"

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

/// A record that the reader below wrote alone begins with another letter.
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
    // It was written by hand: the table counts as changed.
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

}  // namespace mirror
