#include "client/cycle/run_context.h"

#include <algorithm>
#include <utility>

#include "base/folded_name.h"
#include "proto/wire/table.h"

namespace mirror {

RunContext::RunContext(const CycleParts& parts, const CycleOptions& run_options)
    : reader(parts.reader),
      client(parts.client),
      lock(parts.lock),
      state(parts.state),
      history(parts.log != nullptr ? *parts.log : parts.state),
      marks(parts.marks),
      options(run_options),
      receipts(parts.receipts) {}

const SourceTable* RunContext::FindTable(const std::string& name) const {
  for (const SourceTable& table : schema.tables) {
    if (SameName(table.schema.name, name)) return &table;
  }
  return nullptr;
}

TargetRule RunContext::RuleOf(const std::string& table) const {
  const auto rule = options.targets.find(FoldName(table));
  return rule == options.targets.end() ? TargetRule() : rule->second;
}

bool RunContext::IsAskedFor(const std::string& table) const {
  return options.repopulate_all ||
         std::any_of(options.repopulate.begin(), options.repopulate.end(),
                     [&table](const std::string& name) { return SameName(name, table); });
}

TableReport& RunContext::ReportOf(const std::string& table) {
  const auto [at, fresh] = report_at_.try_emplace(FoldName(table), report.tables.size());
  if (fresh) report.tables.emplace_back().table = table;
  return report.tables[at->second];
}

void RunContext::AddNote(std::string note) {
  // Reading the rows may repeat a note of reading the schema.
  const bool told = std::find(report.notes.begin(), report.notes.end(), note) != report.notes.end();
  if (!note.empty() && !told) report.notes.push_back(std::move(note));
}

}  // namespace mirror
