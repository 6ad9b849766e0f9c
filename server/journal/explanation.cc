#include "server/journal/explanation.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "base/folded_name.h"
#include "server/journal/key_block.h"

namespace mirror {
namespace {

bool Sets(const JournalEntry& entry, const std::string& column) {
  if (entry.columns.empty()) return true;
  return std::any_of(entry.columns.begin(), entry.columns.end(),
                     [&](const std::string& one) { return SameName(one, column); });
}

}  // namespace

Explanation::Explanation(const std::vector<std::string>& columns, std::vector<std::string> key_columns,
                         Key key)
    : key_columns_(std::move(key_columns)), key_(std::move(key)), open_(columns.size()) {
  for (const std::string& column : columns) writers_.push_back({.column = column});
}

Explanation::Names Explanation::NamesKey(const JournalEntry& entry) const {
  if (entry.keys.empty()) return Names::kMaybe;
  const absl::StatusOr<LookedKeys> block = LookForKey(entry.keys, key_);
  if (!block.ok()) return Names::kMaybe;
  // The table had another key then, so it is unknown whether this entry names the row.
  const bool same_key =
      std::equal(block->columns.begin(), block->columns.end(), key_columns_.begin(), key_columns_.end(),
                 [](const Column& column, const std::string& name) { return SameName(column.name, name); });
  if (!same_key) return Names::kMaybe;
  return block->has_key ? Names::kSurely : Names::kNot;
}

bool Explanation::Take(const JournalEntry& entry) {
  if (open_ == 0) return false;
  if (entry.operation == JournalOperation::kHead) return true;
  const Names names = NamesKey(entry);
  if (names == Names::kNot) return true;
  JournalEntry told = entry;
  told.keys.clear();
  told.least.clear();
  told.most.clear();
  // The keys cannot be compared: reported like a restore.
  if (names == Names::kMaybe && !entry.keys.empty()) told.operation = JournalOperation::kCompare;
  for (ColumnWriter& writer : writers_) {
    if (writer.entry || !Sets(entry, writer.column)) continue;
    writer.entry = told;
    --open_;
  }
  return open_ > 0;
}

}  // namespace mirror
