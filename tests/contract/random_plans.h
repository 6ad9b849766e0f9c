#ifndef MIRROR_TESTS_CONTRACT_RANDOM_PLANS_H_
#define MIRROR_TESTS_CONTRACT_RANDOM_PLANS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/memory/memory_mirror.h"
#include "tests/support/rows.h"

namespace mirror {

/// Random plans for what a mirror in memory holds, right and wrong ones.
class PlanMaker {
 public:
  PlanMaker(std::uint64_t seed, const MemoryMirror& mirror) : random_(seed), mirror_(mirror) {}

  Plan Next() {
    batches_.clear();
    Plan plan;
    plan.now_ms = ++now_ms_ * 500;
    if (OneIn(25)) return NewCycle(std::move(plan));
    plan.cycle = mirror_.tenant.cycle + (OneIn(30) ? 1 : 0);
    if (OneIn(20)) plan.nonce = Nonce{std::to_string(Below(30)), plan.now_ms + 5'000 * Below(4), 8};
    if (OneIn(20)) plan.drop_retired_before_ms = plan.now_ms - 10'000;
    std::map<std::string, std::optional<TableRecord>> records;
    std::set<std::string> changed;
    for (int steps = 1 + Below(3); steps > 0; --steps) {
      const std::string table = Pick(std::vector<std::string>{"people", "pairs", "keyless"});
      if (!records.contains(table)) {
        const auto found = mirror_.records.find(table);
        records[table] = found == mirror_.records.end() ? std::nullopt : std::optional(found->second);
      }
      Step step = MakeStep(table, records[table]);
      // A batch is made for the definition that the table has before the plan.
      if (changed.contains(table)) step.actions.clear();
      if (!step.actions.empty() && !std::holds_alternative<ApplyRows>(step.actions[0])) changed.insert(table);
      records[table] = step.record;
      if (OneIn(40) && step.expected) step.expected->seq += 7;
      plan.steps.push_back(std::move(step));
    }
    return plan;
  }

  /// As its populations are.
  static TableSchema Fresh(const std::string& table) {
    return table == "people" ? People() : table == "pairs" ? Pairs() : Keyless();
  }

 private:
  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  bool OneIn(int count) { return Below(count) == 0; }
  template <typename T>
  T Pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(Below(static_cast<int>(from.size())))];
  }

  Plan NewCycle(Plan plan) {
    plan.tenant = mirror_.tenant;
    plan.tenant->cycle += 1;
    plan.tenant->active = true;
    plan.tenant->touched = false;
    plan.forget_old_cycles = true;
    return plan;
  }

  Step MakeStep(const std::string& table, const std::optional<TableRecord>& record) {
    Step step;
    step.table = table;
    step.expected = record;
    step.record = record.value_or(TableRecord{.table = table});
    step.record->seq += 1;
    step.record->cycle = mirror_.tenant.cycle;
    if (OneIn(5)) step.record->position = Position{Lsn{Below(100)}, std::to_string(Below(100))};
    if (OneIn(5)) step.record->pending = Position{Lsn{Below(100)}, "pending"};
    const auto visible = mirror_.tables.find(table);
    const auto shadow = mirror_.shadows.find(table);
    if (visible == mirror_.tables.end() || OneIn(60)) {
      step.actions = {CreateTable{Fresh(table)}, AgreeSchema{Fresh(table)}};
      return step;
    }
    switch (Below(12)) {
      case 0:
        step.actions = {BeginShadow{Fresh(table), mirror_.tenant.cycle}};
        break;
      case 1:
      case 2:
        step.actions = {SwapShadow{}};
        break;
      case 3:
        step.actions = {RandomAlter(visible->second.schema)};
        if (OneIn(2)) {
          step.otherwise.push_back(step);
          step.otherwise[0].actions.clear();
          step.otherwise[0].record->state = TableState::kRepopulate;
        }
        break;
      case 4:
        if (OneIn(4)) {
          step.record.reset();
          step.actions = {OneIn(2) ? Action(DropTable{}) : Action(RetireTable{now_ms_ * 500})};
        } else {
          step.actions = {KeepPart{mirror_.tenant.cycle, static_cast<std::uint64_t>(Below(3) + 1),
                                   static_cast<std::uint64_t>(2 * Below(3)), "ab"}};
        }
        break;
      case 5:
      case 6:
      case 7:
        if (shadow != mirror_.shadows.end()) {
          step.actions = {Rows(shadow->second.table.schema, true)};
          break;
        }
        [[fallthrough]];
      default:
        step.actions = {Rows(visible->second.schema, false)};
        if (OneIn(4)) step.actions.push_back(Rows(visible->second.schema, false));
    }
    return step;
  }

  AlterTable RandomAlter(const TableSchema& schema) {
    AlterTable alter;
    for (int changes = 1 + Below(3); changes > 0; --changes) {
      const std::string column = Pick(schema.columns).name;
      const std::string other = "c" + std::to_string(Below(4));
      switch (Below(3)) {
        case 0: {
          Column added = PlainColumn(other, OneIn(2) ? Type::kInt32 : Type::kText);
          added.backfill = OneIn(2) ? Backfill::kDefault : Backfill::kNone;
          added.default_value =
              added.type == Type::kInt32 ? Literal(std::int64_t{Below(9)}) : Literal(std::string("def'ault"));
          alter.changes.push_back(AddColumn{added});
          break;
        }
        case 1:
          // A table keeps one column that is not its key.
          if (schema.columns.size() > 3) alter.changes.push_back(DropColumn{column});
          break;
        default:
          alter.changes.push_back(RenameColumn{column, other});
      }
    }
    return alter;
  }

  Cell RandomCell(const Column& column) {
    if (column.nullable && OneIn(5)) return {};
    if (column.type == Type::kText && column.key_position == 0 && OneIn(12)) {
      return Large(static_cast<std::uint64_t>(Below(3) + 1), static_cast<std::uint64_t>(2 * (Below(3) + 1)),
                   Kind::kText);
    }
    return column.type == Type::kText ? Cell(std::to_string(Below(6))) : Cell(Below(12));
  }

  ApplyRows Rows(const TableSchema& schema, bool into_shadow) {
    BatchSpec spec;
    const bool keyed = !schema.Key().empty();
    const bool others = schema.Key().size() < schema.columns.size();
    spec.operation = !keyed || OneIn(2)   ? Operation::kInsert
                     : others && OneIn(2) ? Operation::kUpdate
                                          : Operation::kDelete;
    std::vector<std::uint32_t> columns;
    for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
      const bool key = schema.columns[i].key_position != 0;
      if (spec.operation == Operation::kDelete && !key) continue;
      if (spec.operation == Operation::kUpdate && !key && columns.size() > schema.Key().size() && OneIn(2))
        continue;
      columns.push_back(i);
    }
    std::map<Row, Row> rows;
    for (int count = 1 + Below(6); count > 0; --count) {
      Row row, key;
      for (const std::uint32_t i : columns) {
        row.push_back(RandomCell(schema.columns[i]));
        if (schema.columns[i].key_position != 0 || !keyed) key.push_back(row.back());
      }
      rows[key] = row;
    }
    for (const std::uint32_t i : columns) spec.columns.push_back(schema.columns[i].name);
    for (auto& [key, row] : rows) spec.rows.push_back(row);
    batches_.push_back(std::make_unique<TestBatch>(MakeBatch(schema, spec)));
    const TestBatch& made = *batches_.back();
    if (!made.batch.ok()) {
      ADD_FAILURE() << made.batch.status();
      return {};
    }
    return {made.schema.get(), &*made.batch, into_shadow, mirror_.tenant.cycle};
  }

  std::mt19937_64 random_;
  const MemoryMirror& mirror_;
  std::int64_t now_ms_ = 1'000;
  std::vector<std::unique_ptr<TestBatch>> batches_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_RANDOM_PLANS_H_
