#include "server/plan/column_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "proto/wire/turned_value.h"

namespace mirror {
namespace {

bool Names(const std::vector<std::string>& patterns, const std::string& column) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return MatchesPattern(column, pattern); });
}

std::string Place(const TableSchema& table, const Column& column) {
  return absl::StrCat("table '", table.name, "', column '", column.name, "'");
}

bool AppendHash(const Value& value, KeyedHash* hash, std::string* out) {
  std::array<char, 8> number{};
  const HashedForm form = FormToHash(value, &number);
  return hash->AppendHex(form.kind, form.bytes, out);
}

/// Converts the column to texts.
absl::Status Turn(const TableSchema& agreed, const Column& column, std::uint32_t rows, KeyedHash* hash,
                  ColumnView* view, RuledValues* values) {
  if (!view->large.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Place(agreed, column), ", row ", view->large.front().row,
                     ": a value arrived in parts. The mirror cannot hash or mask such a value, and must not "
                     "store it unchanged. Nothing of the batch was applied. Send the value inside its batch, "
                     "or leave the column out, here or at the source."));
  }
  RuledValues::Column& turned = values->columns.emplace_back();
  std::vector<std::uint32_t> starts = {0};
  for (std::uint32_t row = 0; row < rows; ++row) {
    if (view->IsNull(row)) {
      turned.nulls.resize((rows + 7) / 8, '\0');
      turned.nulls[row / 8] = static_cast<char>(turned.nulls[row / 8] | (1 << (row % 8)));
    } else if (column.rule == Rule::kMasked) {
      AppendMask(view->At(row), column.rule_detail, &turned.data);
    } else if (hash == nullptr || !AppendHash(view->At(row), hash, &turned.data)) {
      return absl::UnavailableError(
          absl::StrCat(Place(agreed, column),
                       ": its values could not be hashed. Nothing of the batch was applied; the "
                       "same call again is safe."));
    }
    starts.push_back(static_cast<std::uint32_t>(turned.data.size()));
  }
  ColumnView text;
  text.storage = Storage::kBytes;
  text.text = true;
  text.data = turned.data;
  text.starts = std::move(starts);
  text.nulls = turned.nulls;
  *view = std::move(text);
  return absl::OkStatus();
}

}  // namespace

ColumnRules::ColumnRules(const ColumnRulesConfig& config, const std::optional<std::string>& secret,
                         const std::string& context_id) {
  for (const ColumnRuleBlock& block : config.blocks) {
    if (MatchesExactly(context_id, block.context)) blocks_.push_back(block);
  }
  if (secret && !blocks_.empty()) key_.emplace(*secret, context_id);
}

std::vector<std::string> ColumnRules::Idle(const std::vector<const TableSchema*>& tables) const {
  std::vector<std::string> idle;
  for (const ColumnRuleBlock& block : blocks_) {
    std::vector<const TableSchema*> meant;
    for (const TableSchema* const table : tables) {
      if (MatchesPattern(table->name, block.table)) meant.push_back(table);
    }
    if (meant.empty()) {
      idle.push_back(absl::StrCat("no table is named '", block.table, "'"));
      continue;
    }
    for (const auto* const patterns : {&block.plain, &block.leave_out, &block.hash, &block.mask}) {
      for (const std::string& pattern : *patterns) {
        const bool found = std::any_of(meant.begin(), meant.end(), [&](const TableSchema* table) {
          return std::any_of(table->columns.begin(), table->columns.end(),
                             [&](const Column& column) { return MatchesPattern(column.name, pattern); });
        });
        if (!found) idle.push_back(absl::StrCat("no column of '", block.table, "' is named '", pattern, "'"));
      }
    }
  }
  return idle;
}

absl::Status ColumnRules::Set(TableSchema* table) const {
  for (Column& column : table->columns) {
    column.rule = Rule::kPlain;
    column.rule_detail = 0;
    for (const ColumnRuleBlock& block : blocks_) {
      if (!MatchesPattern(table->name, block.table)) continue;
      const std::pair<const std::vector<std::string>&, Rule> lists[] = {{block.plain, Rule::kPlain},
                                                                        {block.mask, Rule::kMasked},
                                                                        {block.hash, Rule::kHashed},
                                                                        {block.leave_out, Rule::kLeftOut}};
      for (const auto& [patterns, rule] : lists) {
        if (!Names(patterns, column.name)) continue;
        column.rule = rule;
        column.rule_detail = rule == Rule::kMasked ? block.mask_keep : 0;
      }
    }
    if (column.rule == Rule::kHashed) {
      if (!key_)
        return absl::InvalidArgumentError(absl::StrCat(Place(*table, column), ": no key to hash with"));
      column.rule_detail = key_->fingerprint();
    }
    if (column.key_position == 0 || column.rule == Rule::kPlain || column.rule == Rule::kHashed) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        Place(*table, column), " is in the key, and this endpoint is configured to ",
        column.rule == Rule::kLeftOut ? "leave it out" : "mask it",
        ". A key can be hashed, or the table can be skipped. No rows of the table are accepted. Ask the "
        "mirror's operator."));
  }
  const bool kept = std::any_of(table->columns.begin(), table->columns.end(),
                                [](const Column& column) { return column.rule != Rule::kLeftOut; });
  if (kept) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("table '", table->name,
                   "': this endpoint is configured to leave out all of its columns. None of its rows are "
                   "accepted. Skip the table at the source."));
}

absl::Status ApplyRules(const TableSchema& agreed, const TableSchema& kept, const TenantHashKey* key,
                        ChangeBatch* batch, RuledValues* values) {
  std::vector<std::uint32_t> place(agreed.columns.size());  // Index of each column in `kept`.
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < agreed.columns.size(); ++i) {
    if (agreed.columns[i].rule != Rule::kLeftOut) place[i] = next++;
  }
  std::erase_if(batch->columns,
                [&](const ColumnView& view) { return agreed.columns[view.column].rule == Rule::kLeftOut; });
  const auto hashed = static_cast<std::uint64_t>(std::count_if(
      batch->columns.begin(), batch->columns.end(),
      [&](const ColumnView& view) { return agreed.columns[view.column].rule == Rule::kHashed; }));
  if (hashed * batch->row_count * KeyedHash::kHexBytes > kHashedBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("table '", agreed.name, "': ", batch->row_count, " rows of ", hashed,
                     " columns that are hashed here; the limit is ", kHashedBytesMax / KeyedHash::kHexBytes,
                     " values. Nothing of the batch was applied. Send smaller batches."));
  }
  std::optional<KeyedHash> hash;
  if (key != nullptr) hash.emplace(*key);
  bool beside_key = false, key_turned = false;
  for (ColumnView& view : batch->columns) {
    const std::uint32_t index = view.column;
    const Column& column = agreed.columns[index];
    beside_key = beside_key || column.key_position == 0;
    if (column.rule != Rule::kPlain) {
      RETURN_IF_ERROR(Turn(agreed, column, batch->row_count, hash ? &*hash : nullptr, &view, values));
      key_turned = key_turned || column.key_position != 0;
    }
    view.column = place[index];
  }
  if (batch->operation == Operation::kUpdate && !beside_key) {
    // The mirror keeps none of the updated columns; the batch still counts.
    batch->columns.clear();
    batch->key_order.clear();
    batch->row_count = 0;
  }
  if (!key_turned || batch->row_count < 2) return absl::OkStatus();
  ASSIGN_OR_RETURN(batch->key_order, KeyOrder(kept, *batch));
  return absl::OkStatus();
}

}  // namespace mirror
