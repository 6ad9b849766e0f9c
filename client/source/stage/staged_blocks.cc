#include "client/source/stage/staged_blocks.h"

#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Sets of columns in one piece.
constexpr std::size_t kStagedShapesMax = 64;

}  // namespace

StagedBlocks::StagedBlocks(StagedTexts& texts, const TableSchema& schema, std::vector<std::uint32_t> columns)
    : texts_(texts),
      schema_(schema),
      columns_(std::move(columns)),
      all_(schema.columns.size()),
      announced_key_(schema.Key()),
      whole_(schema, columns_),
      gone_(schema, announced_key_) {
  std::iota(all_.begin(), all_.end(), 0U);
}

absl::Status StagedBlocks::SetKey(const std::vector<std::int64_t>& numbers) {
  key_.clear();
  for (const std::int64_t number : numbers) {
    const std::optional<std::uint32_t> column = ColumnOf(number);
    if (!column || schema_.columns[*column].key_position == 0) break;
    key_.push_back(*column);
  }
  if (!key_.empty() && key_.size() == numbers.size() && key_.size() == announced_key_.size())
    return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", schema_.name, "' has another key now"));
}

std::optional<std::uint32_t> StagedBlocks::ColumnOf(std::int64_t number) {
  const auto [at, fresh] = numbers_.try_emplace(number);
  if (fresh) at->second = texts_.ColumnOf(number);
  return at->second;
}

absl::StatusOr<std::vector<std::string>> StagedBlocks::KeyTexts(const StagedKey& key) const {
  std::vector<std::string> texts = UnpackStagedKey(key);
  if (texts.size() == key_.size()) return texts;
  return absl::AbortedError(absl::StrCat("table '", schema_.name, "': a staged key is not one of its keys"));
}

absl::StatusOr<StagedBlocks::Texts> StagedBlocks::ByColumn(const StagedKey& key,
                                                           std::vector<StagedValue> values) {
  Texts texts(schema_.columns.size());
  touched_.assign(texts.size(), false);
  for (StagedValue& value : values) {
    const std::optional<std::uint32_t> column = ColumnOf(value.column);
    if (!column) continue;
    texts[*column] = std::move(value.text);
    touched_[*column] = true;
  }
  ASSIGN_OR_RETURN(std::vector<std::string> parts, KeyTexts(key));
  for (std::size_t i = 0; i < key_.size(); ++i) {
    texts[key_[i]] = std::move(parts[i]);
    touched_[key_[i]] = true;
  }
  return texts;
}

/// Of texts by column those of some columns.
absl::StatusOr<std::vector<Value>> StagedBlocks::Decode(const std::vector<std::uint32_t>& columns,
                                                        const Texts& texts) {
  absl::StatusOr<std::vector<Value>> values = texts_.Decode(columns, texts);
  if (!values.ok() || values->size() == columns.size()) return values;
  return absl::InternalError(
      absl::StrCat("table '", schema_.name, "': a row has ", values->size(), " values"));
}

/// `values`: for each of the columns.
absl::Status StagedBlocks::Append(const RowAppender& appender, const std::vector<std::uint32_t>& columns,
                                  const std::vector<Value>& values, RowBlock* block, LargeSink* sink) {
  if (block->columns.empty()) *block = RowBlock::For(schema_, columns);
  ASSIGN_OR_RETURN(const std::size_t weight, appender.Append(values, block, sink));
  weight_ += weight;
  ++rows_;
  return absl::OkStatus();
}

absl::Status StagedBlocks::Delete(const StagedKey& key) {
  ASSIGN_OR_RETURN(Texts texts, ByColumn(key, {}));
  Texts of_key;
  for (const std::uint32_t column : announced_key_) of_key.push_back(std::move(texts[column]));
  ASSIGN_OR_RETURN(std::optional<std::vector<Value>> decoded, texts_.DecodeGone(announced_key_, of_key));
  if (!decoded) return absl::OkStatus();
  std::vector<Value>& values = *decoded;
  if (texts_.HasSteps()) {
    std::vector<Value> row(schema_.columns.size());
    for (std::size_t i = 0; i < announced_key_.size(); ++i) row[announced_key_[i]] = values[i];
    RETURN_IF_ERROR(texts_.TurnKey(&row));
    for (std::size_t i = 0; i < announced_key_.size(); ++i) values[i] = row[announced_key_[i]];
  }
  if (!deletes_) deletes_.emplace();
  return Append(gone_, announced_key_, values, &*deletes_, nullptr);
}

absl::Status StagedBlocks::Update(const StagedKey& key, std::vector<StagedValue> values, LargeSink* sink) {
  ASSIGN_OR_RETURN(Texts texts, ByColumn(key, std::move(values)));
  std::vector<std::uint32_t> columns;
  Texts sent;
  for (const std::uint32_t column : columns_) {
    if (!touched_[column]) continue;
    columns.push_back(column);
    sent.push_back(std::move(texts[column]));
  }
  // Nothing of it is sent.
  if (columns.size() <= key_.size()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Value> decoded, Decode(columns, sent));
  auto shape = shapes_.find(columns);
  if (shape == shapes_.end())
    shape = shapes_.emplace(columns, Shape{RowAppender(schema_, columns), std::nullopt}).first;
  if (!shape->second.block) shape->second.block.emplace();
  return Append(shape->second.appender, columns, decoded, &*shape->second.block, sink);
}

absl::StatusOr<bool> StagedBlocks::Insert(const StagedKey& key, std::vector<StagedValue> values,
                                          LargeSink* sink) {
  if (!inserts_) inserts_ = RowBlock::For(schema_, columns_);
  return InsertInto(key, std::move(values), &*inserts_, sink);
}

absl::StatusOr<bool> StagedBlocks::InsertInto(const StagedKey& key, std::vector<StagedValue> values,
                                              RowBlock* block, LargeSink* sink) {
  ASSIGN_OR_RETURN(Texts texts, ByColumn(key, std::move(values)));
  absl::StatusOr<std::vector<Value>> decoded;
  Texts some;
  if (texts_.HasSteps()) {
    decoded = Decode(all_, texts);
    if (!decoded.ok()) return decoded.status();
    const absl::StatusOr<bool> taken = texts_.TakeSteps(&*decoded);
    if (!taken.ok() || !*taken) return taken;
    std::vector<Value> sent;
    for (const std::uint32_t column : columns_) sent.push_back((*decoded)[column]);
    *decoded = std::move(sent);
  } else {
    for (const std::uint32_t column : columns_) some.push_back(std::move(texts[column]));
    decoded = Decode(columns_, some);
    if (!decoded.ok()) return decoded.status();
  }
  RETURN_IF_ERROR(Append(whole_, columns_, *decoded, block, sink));
  return true;
}

bool StagedBlocks::IsFull(const BlockSize& size) const {
  return rows_ >= size.rows || weight_ >= size.bytes || shapes_.size() >= kStagedShapesMax;
}

std::vector<ChangeBlock> StagedBlocks::TakeAll() {
  std::vector<ChangeBlock> blocks;
  if (deletes_) blocks.push_back({Operation::kDelete, *std::exchange(deletes_, std::nullopt)});
  for (auto& [columns, shape] : shapes_) {
    if (shape.block) blocks.push_back({Operation::kUpdate, *std::exchange(shape.block, std::nullopt)});
  }
  if (shapes_.size() >= kStagedShapesMax) shapes_.clear();
  if (inserts_ && inserts_->rows() > 0) blocks.push_back({Operation::kInsert, *std::move(inserts_)});
  inserts_.reset();
  rows_ = weight_ = 0;
  return blocks;
}

}  // namespace mirror
