#ifndef MIRROR_TESTS_CLIENT_SOURCE_SERVER_STAGED_MODEL_H_
#define MIRROR_TESTS_CLIENT_SOURCE_SERVER_STAGED_MODEL_H_

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/source/server/stage.h"
#include "client/source/server/staged_changes.h"
#include "proto/wire/row_block.h"

namespace mirror {

/// A table of the source in a test: a key and three numbers, the last of which the log leaves out of updates
/// that do not change it. By key, of each row the texts of its columns.
using StageModelRow = std::map<std::int64_t, std::string>;
using StageModelTable = std::map<std::string, StageModelRow>;
inline constexpr std::int64_t kModelKey = 1, kModelA = 2, kModelB = 3, kModelLong = 4;

inline StagedKey ModelKey(const std::string& key) { return PackStagedKey({key}); }

inline std::vector<StagedValue> ModelValues(const StageModelRow& row) {
  std::vector<StagedValue> values;
  for (const auto& [column, text] : row) values.push_back({column, text});
  return values;
}

/// What happens to one row.
struct StageModelChange {
  LoggedChange::Kind kind = LoggedChange::Kind::kInsert;
  std::string old_key, key;
  StageModelRow values;  ///< Of an update: what the log has.
};

inline void Apply(const StageModelChange& change, StageModelTable* table) {
  if (change.kind == LoggedChange::Kind::kInsert) {
    (*table)[change.key] = change.values;
    return;
  }
  StageModelRow row = table->at(change.old_key);
  table->erase(change.old_key);
  if (change.kind == LoggedChange::Kind::kDelete) return;
  for (const auto& [column, text] : change.values) row[column] = text;
  (*table)[change.key] = std::move(row);
}

inline LoggedChange ToLogged(const StageModelChange& change) {
  LoggedChange logged;
  logged.kind = change.kind;
  if (change.kind != LoggedChange::Kind::kInsert) logged.old_key = ModelKey(change.old_key);
  if (change.kind != LoggedChange::Kind::kDelete) logged.key = ModelKey(change.key);
  logged.values = ModelValues(change.values);
  logged.whole = change.values.size() == 4;
  return logged;
}

class ModelRandom {
 public:
  explicit ModelRandom(std::uint64_t seed) : engine_(seed) {}
  /// 0 to `most`.
  int Below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(engine_); }
  bool Chance(int of_100) { return Below(100) < of_100; }
  std::string Digit() { return std::to_string(Below(10)); }

  /// A change that the table allows, if one was found; it is applied.
  std::optional<StageModelChange> Change(StageModelTable* table) {
    StageModelChange change;
    const std::string fresh = std::to_string(Below(7));
    const int kind = Below(100);
    if (kind < 30) {
      if (table->contains(fresh)) return std::nullopt;
      change = {LoggedChange::Kind::kInsert, "", fresh, {}};
      change.values = {{kModelKey, fresh}, {kModelA, Digit()}, {kModelB, Digit()}, {kModelLong, Digit()}};
    } else {
      if (table->empty()) return std::nullopt;
      change.old_key = change.key = std::next(table->begin(), Below(static_cast<int>(table->size())))->first;
      change.kind = kind < 48 ? LoggedChange::Kind::kDelete : LoggedChange::Kind::kUpdate;
      if (kind >= 48) {
        if (Chance(40) && fresh != change.old_key) {
          if (table->contains(fresh)) return std::nullopt;
          change.key = fresh;
        }
        change.values = {{kModelKey, change.key}, {kModelA, Digit()}, {kModelB, Digit()}};
        if (Chance(35)) change.values[kModelLong] = Digit();
      }
    }
    Apply(change, table);
    return change;
  }

 private:
  std::mt19937_64 engine_;
};

inline std::uint64_t ModelVariable(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

inline TableSchema ModelSchema() {
  TableSchema schema;
  schema.name = "model";
  for (const char* const name : {"id", "a", "b", "long"}) {
    Column& column = schema.columns.emplace_back();
    column.name = name;
    column.type = Type::kInt64;
    column.nullable = true;
  }
  schema.columns[0].key_position = 1;
  schema.columns[0].nullable = false;
  return schema;
}

/// A key that does not fit what was announced.
constexpr char kModelMisfit[] = "misfit";

/// Texts of numbers. ReadBase() is a test's own.
class ModelTexts : public StagedTexts {
 public:
  absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& /*columns*/,
                                            const std::vector<SourceText>& texts) override {
    std::vector<Value> values;
    for (const SourceText& text : texts) {
      if (text == kModelMisfit) return absl::AbortedError("a value does not fit");
      Value& value = values.emplace_back();
      if (!text) continue;
      value.kind = Kind::kInteger;
      value.integer = std::strtoll(text->c_str(), nullptr, 10);
    }
    return values;
  }
  absl::StatusOr<std::optional<std::vector<Value>>> DecodeGone(
      const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts) override {
    absl::StatusOr<std::vector<Value>> values = Decode(columns, texts);
    return values.ok() ? std::optional(*std::move(values)) : std::nullopt;
  }
  std::optional<std::uint32_t> ColumnOf(std::int64_t number) const override {
    if (number < 1 || number > 4) return std::nullopt;
    return static_cast<std::uint32_t>(number - 1);
  }
  absl::StatusOr<BaseRows> ReadBase(const std::vector<StagedKey>& /*keys*/) override {
    return absl::UnimplementedError("no row is to be read in the source");
  }
};

/// A mirror takes what was sent. The keys of updates whose rows it lacks.
inline std::vector<std::string> ApplyBlocks(const std::vector<ChangeBlock>& blocks, StageModelTable* mirror) {
  std::vector<std::string> missing;
  for (const ChangeBlock& block : blocks) {
    for (std::size_t row = 0; row < block.rows.rows(); ++row) {
      StageModelRow values;
      for (const ColumnBuffer& column : block.rows.columns) {
        const bool null = row / 8 < column.nulls().size() &&
                          ((static_cast<unsigned char>(column.nulls()[row / 8]) >> (row % 8)) & 1U) != 0;
        values[column.column() + 1] = null ? "NULL" : std::to_string(column.ints()[row]);
      }
      const std::string key = values.at(kModelKey);
      if (block.operation == Operation::kDelete) {
        mirror->erase(key);
      } else if (block.operation == Operation::kInsert) {
        (*mirror)[key] = values;
      } else if (const auto found = mirror->find(key); found != mirror->end()) {
        for (const auto& [column, text] : values) found->second[column] = text;
      } else {
        missing.push_back(key);
      }
    }
  }
  return missing;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_SERVER_STAGED_MODEL_H_
