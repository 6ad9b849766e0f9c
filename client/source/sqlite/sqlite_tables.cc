#include "client/source/sqlite/sqlite_tables.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_objects.h"
#include "client/source/sqlite/sqlite_steps.h"
#include "client/source/sqlite/sqlite_types.h"
#include "client/source/widening.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

std::string DeclaredWord(Type type) {
  switch (type) {
    case Type::kInt64:
      return "INTEGER";
    case Type::kDouble:
      return "REAL";
    default:
      return "TEXT";
  }
}

/// Sets what SourceTable says of values that do not fit `declared`.
void DescribeWidening(const TableSchema& declared, SourceTable* table) {
  for (std::size_t i = 0; i < declared.columns.size(); ++i) {
    const Column &column = declared.columns[i], &found = table->schema.columns[i];
    const bool is_other = found.nullable != column.nullable || found.key_position != column.key_position;
    NoteWidening(i, {found.type != column.type, is_other}, DeclaredWord(column.type),
                 "as one of another kind, a text with a NUL, or bytes that are not UTF-8", table);
  }
}

}  // namespace

const KnownTable* SqliteTables::Find(const std::string& table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

absl::StatusOr<SourceTable> SqliteTables::LookAt(const std::string& name) {
  SourceTable table;
  ASSIGN_OR_RETURN(SourcePlan planned, PlanInLook(name, &table));
  const auto plan = std::make_shared<const SourcePlan>(std::move(planned));
  table.schema = plan->schema;
  if (!table.problem.empty()) {
    // It is announced as it was, as far as that is known.
    table.schema = Recorded(*plan).value_or(plan->schema);
  } else if (const absl::Status status = CheckTable(plan->schema); !status.ok()) {
    table.problem = std::string(status.message());
  } else if (const auto found = Recorded(*plan)) {
    table.schema = *found;
    table.record = records_[name];
  } else if (const absl::StatusOr<bool> trusts = TrustsTypesOf(name); !trusts.ok()) {
    return trusts.status();
  } else if (*trusts) {
    table.record = MakeRecord(plan->schema, plan->schema);
  } else if (absl::Status scanned = Scan(plan, &table); !scanned.ok()) {
    return scanned;
  }
  DescribeWidening(plan->schema, &table);
  tables_[name] = KnownTable{plan, table.schema};
  return table;
}

absl::StatusOr<SourcePlan> SqliteTables::PlanInLook(const std::string& name, SourceTable* table) const {
  RETURN_IF_ERROR(files_.file()->BeginLook());
  const SourceLook look(*files_.file());
  const auto key = options_.keys.find(FoldName(name));
  absl::StatusOr<SourcePlan> plan =
      PlanSource(*files_.file(), name, key == options_.keys.end() ? std::vector<std::string>() : key->second);
  if (absl::IsInvalidArgument(plan.status())) {
    table->problem = std::string(plan.status().message());
    return PlanSource(*files_.file(), name);
  }
  if (!plan.ok()) return plan;
  ASSIGN_OR_RETURN(SourceObjects objects, ReadObjects(*files_.file(), *plan));
  table->objects = std::move(objects);
  for (const TableSteps& steps : options_.steps) {
    if (!SameName(steps.table, name)) continue;
    const absl::Status applied = ApplySteps(*files_.file(), steps, &*plan);
    if (absl::IsUnavailable(applied)) return applied;
    table->problem = std::string(applied.message());
  }
  return plan;
}

std::optional<TableSchema> SqliteTables::Recorded(const SourcePlan& plan) const {
  const auto record = records_.find(plan.schema.name);
  if (record == records_.end()) return std::nullopt;
  return ApplyRecord(plan.schema, record->second);
}

/// One that was sent is announced as it was, so that the mirror need not take it anew.
absl::StatusOr<bool> SqliteTables::TrustsTypesOf(const std::string& name) const {
  if (!options_.trusts_types || records_.contains(name)) return false;
  if (options_.log == nullptr) return true;
  const absl::StatusOr<bool> sent = options_.log->WasSent(name);
  return sent.ok() ? absl::StatusOr<bool>(!*sent) : sent;
}

absl::Status SqliteTables::Scan(const std::shared_ptr<const SourcePlan>& plan, SourceTable* table) {
  const absl::StatusOr<std::shared_ptr<const SqliteFile>> file = files_.For(*plan);
  if (!file.ok()) {
    table->problem = std::string(file.status().message());
    return absl::OkStatus();
  }
  const absl::StatusOr<FoundTypes> found = FindTypes(*file, plan);
  if (absl::IsUnavailable(found.status()) || absl::IsAborted(found.status())) return found.status();
  if (!found.ok()) {
    table->problem = std::string(found.status().message());
    return absl::OkStatus();
  }
  table->schema = found->schema;
  if (!found->infinite_column.empty()) {
    table->problem =
        absl::StrCat("column '", found->infinite_column, "' of table '", plan->schema.name,
                     "' holds an infinity, which no mirror can hold: set the value to NULL, or leave ",
                     "the table out with 'skip'");
    return absl::OkStatus();
  }
  table->record = MakeRecord(plan->schema, table->schema);
  records_[plan->schema.name] = table->record;
  return absl::OkStatus();
}

}  // namespace mirror
