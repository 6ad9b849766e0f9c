#include "client/exchange/server_swap.h"

#include <algorithm>

#include "base/status_macros.h"
#include "client/exchange/server_writer.h"

namespace mirror {
namespace {

/// Returns the value that a task writes into a column. Null: none.
const sqlite::Value* WrittenBy(const DeliveryTask& task, std::uint32_t column) {
  const auto found = std::find_if(task.written.begin(), task.written.end(),
                                  [column](const auto& one) { return one.first == column; });
  return found == task.written.end() ? nullptr : &found->second;
}

}  // namespace

absl::StatusOr<bool> ServerSwap::Do(const v1::Delivery& first) {
  RETURN_IF_ERROR(database_.LockTable(member_, /*writes=*/true));
  ASSIGN_OR_RETURN(unique_, swaps_.FindUnique(member_));
  ASSIGN_OR_RETURN(Step* const step, Add(first));
  if (step == nullptr) return false;
  ASSIGN_OR_RETURN(const bool has_order, Visit(*step));
  // A single delivery was refused already.
  if (!has_order || order_.size() < 2) return false;
  for (Step* const one : order_) {
    if (one->empty_first.empty()) continue;
    ASSIGN_OR_RETURN(const bool is_empty, swaps_.SetToNull(one->task, member_, one->empty_first));
    if (!is_empty) return false;
  }
  for (Step* const one : order_) {
    ServerWriter writer(database_, one->task, member_, now_ms_, /*is_alone=*/false);
    ASSIGN_OR_RETURN(const ImportResult written, writer.Write(one->before));
    if (written.outcome != v1::DELIVERY_OUTCOME_APPLIED) return false;
  }
  return true;
}

std::vector<const v1::Delivery*> ServerSwap::others() const {
  std::vector<const v1::Delivery*> others;
  // The first delivery is visited first, and written last.
  for (std::size_t i = 0; i + 1 < order_.size(); ++i) others.push_back(&order_[i]->delivery);
  return others;
}

absl::StatusOr<ServerSwap::Step*> ServerSwap::Add(v1::Delivery delivery) {
  auto step = std::make_unique<Step>();
  step->delivery = std::move(delivery);
  ASSIGN_OR_RETURN(const std::optional<LedgerState> known,
                   database_.inbox().FindInLedger(step->delivery.delivery_id()));
  if (known && known->applied) return nullptr;
  // A delivery that was refused is tried before its own time, because another one waits for it.
  const std::string why = MakeTask(step->delivery, &member_.table, rules_, &step->task);
  if (!why.empty() || !member_.obstacle.empty()) return nullptr;
  ASSIGN_OR_RETURN(std::optional<RowOf> before,
                   database_.ReadRow(member_, step->task.key, step->task.mapped, /*locks=*/true));
  if (!WhyNotAsKnown(step->delivery, before).empty()) return nullptr;
  step->before = *std::move(before);
  return steps_.insert_or_assign(KeyText(step->task.key), std::move(step)).first->second.get();
}

absl::StatusOr<bool> ServerSwap::Visit(Step& step) {
  step.is_open = true;
  for (const UniqueColumns& unique : unique_) {
    ASSIGN_OR_RETURN(const std::optional<RowOf> values, WantedValues(step, unique));
    if (!values) continue;
    ASSIGN_OR_RETURN(const std::vector<RowOf> holders, swaps_.FindKeys(member_, unique, *values));
    for (const RowOf& key : holders) {
      if (KeyText(key) == KeyText(step.task.key)) continue;
      ASSIGN_OR_RETURN(const bool is_free, VisitHolder(unique, key));
      if (!is_free) return false;
    }
  }
  step.is_open = false;
  order_.push_back(&step);
  return true;
}

absl::StatusOr<bool> ServerSwap::VisitHolder(const UniqueColumns& unique, const RowOf& key) {
  const auto known = steps_.find(KeyText(key));
  if (known != steps_.end()) return !known->second->is_open || LetGo(*known->second, unique);
  if (steps_.size() == kRowsMax) return false;
  ASSIGN_OR_RETURN(Step* const holder, AddFromInbox(key));
  if (holder == nullptr) return false;
  return Visit(*holder);
}

absl::StatusOr<ServerSwap::Step*> ServerSwap::AddFromInbox(const RowOf& key) {
  const MemberTable& table = member_.table;
  for (const std::string& id : inbox_.Find(table.sent_name, table.TravellingKey(key))) {
    ASSIGN_OR_RETURN(std::optional<v1::Delivery> delivery, database_.inbox().Find(id));
    if (delivery) return Add(*std::move(delivery));
  }
  return nullptr;
}

absl::StatusOr<std::optional<RowOf>> ServerSwap::WantedValues(const Step& step, const UniqueColumns& unique) {
  if (step.delivery.operation() != v1::OPERATION_UPDATE) return std::nullopt;
  const auto is_written = [&](std::uint32_t column) { return WrittenBy(step.task, column) != nullptr; };
  if (std::none_of(unique.columns.begin(), unique.columns.end(), is_written)) return std::nullopt;
  ASSIGN_OR_RETURN(std::optional<RowOf> values,
                   database_.ReadRow(member_, step.task.key, unique.columns, /*locks=*/false));
  if (!values) return std::nullopt;
  for (std::size_t i = 0; i < unique.columns.size(); ++i) {
    if (const sqlite::Value* const written = WrittenBy(step.task, unique.columns[i])) (*values)[i] = *written;
    if ((*values)[i].type == sqlite::Type::kNull) return std::nullopt;
  }
  return values;
}

bool ServerSwap::LetGo(Step& step, const UniqueColumns& unique) {
  if (unique.waits) return true;
  bool lets_go = false;
  for (const std::uint32_t column : unique.columns) {
    const Column& own = step.task.table->plan.schema.columns[column];
    if (WrittenBy(step.task, column) == nullptr || !own.nullable || own.key_position != 0) continue;
    if (unique.referred.contains(column)) continue;
    step.empty_first.insert(column);
    lets_go = true;
  }
  return lets_go;
}

}  // namespace mirror
