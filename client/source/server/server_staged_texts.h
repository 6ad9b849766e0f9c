#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_STAGED_TEXTS_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_STAGED_TEXTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "client/source/server/server_look.h"
#include "client/source/server/server_words.h"
#include "client/source/server/staged_changes.h"
#include "client/source/steps/row_steps.h"

namespace mirror {

/// Turns the staged changes of a table into the wire's rows. Also reads the table's present rows in the
/// database, in the same text form. Values that do not match their announcement are recorded for the next
/// look. `Look`: a ServerLook. Threads: one.
template <typename Look>
class ServerStagedTexts : public StagedTexts {
 public:
  using Known = typename Look::Known;
  /// Returns a position for a snapshot (ServerLook::note_snapshot): every change that the snapshot does not
  /// see is staged after this position. Waits until these changes are staged.
  using PositionOf = std::function<absl::StatusOr<std::int64_t>(const std::string& snapshot)>;

  /// Prepares the table's steps. Call it before all other functions.
  absl::Status Prepare() {
    if (!known_->steps) return absl::OkStatus();
    ASSIGN_OR_RETURN(RowSteps steps, RowSteps::Make(known_->ForSteps(), *known_->steps, look_->hash_key));
    steps_.emplace(std::move(steps));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns,
                                            const std::vector<SourceText>& texts) final {
    std::vector<Misfit> misfits;
    std::vector<Value> values = Take(columns, texts, &misfits);
    if (misfits.empty()) return values;
    look_->keep(*known_, misfits);
    return MisfitsIn(known_->table.name);
  }
  absl::StatusOr<std::optional<std::vector<Value>>> DecodeGone(const std::vector<std::uint32_t>& columns,
                                                               const std::vector<SourceText>& texts) final {
    std::vector<Misfit> misfits;
    std::vector<Value> values = Take(columns, texts, &misfits);
    return misfits.empty() ? std::optional(std::move(values)) : std::nullopt;
  }
  std::optional<std::uint32_t> ColumnOf(std::int64_t number) const final {
    for (std::uint32_t i = 0; i < known_->table.columns.size(); ++i) {
      if (NumberOf(i) == number) return i;
    }
    return std::nullopt;
  }
  bool HasSteps() const final { return steps_.has_value(); }
  absl::StatusOr<bool> TakeSteps(std::vector<Value>* values) final {
    const absl::StatusOr<bool> matches = steps_->Matches(*values);
    if (!matches.ok() || !*matches) return matches;
    RETURN_IF_ERROR(steps_->Turn(values));
    return true;
  }
  absl::Status TurnKey(std::vector<Value>* values) final {
    return steps_ ? steps_->Turn(values) : absl::OkStatus();
  }
  absl::StatusOr<BaseRows> ReadBase(const std::vector<StagedKey>& keys) final {
    std::string snapshot;
    ASSIGN_OR_RETURN(std::vector<BaseRow> read, ReadRows(keys, &snapshot));
    BaseRows base;
    ASSIGN_OR_RETURN(base.from, position_of_(snapshot));
    // The database may treat keys as equal that differ here.
    std::unordered_map<StagedKey, BaseRow> by_key;
    for (BaseRow& row : read) {
      StagedKey key = row.key;
      by_key.try_emplace(std::move(key), std::move(row));
    }
    for (const StagedKey& key : keys) {
      const auto found = by_key.find(key);
      if (found == by_key.end()) continue;
      base.rows.push_back(std::move(found->second));
      by_key.erase(found);
    }
    return base;
  }

 protected:
  ServerStagedTexts(std::shared_ptr<const Look> look, std::shared_ptr<const Known> known,
                    PositionOf position_of)
      : look_(std::move(look)), known_(std::move(known)), position_of_(std::move(position_of)) {}

  /// Returns the number of a column in the log.
  virtual std::int64_t NumberOf(std::size_t column) const = 0;
  /// Returns the values that match their announcement, and reports the others as misfits.
  virtual std::vector<Value> Take(const std::vector<std::uint32_t>& columns,
                                  const std::vector<SourceText>& texts, std::vector<Misfit>* misfits) = 0;
  /// Returns the present rows with these keys in the database, with all columns, and rows that the database
  /// considers equal; also the snapshot in which they were read.
  virtual absl::StatusOr<std::vector<BaseRow>> ReadRows(const std::vector<StagedKey>& keys,
                                                        std::string* snapshot) = 0;

  const std::shared_ptr<const Look> look_;
  const std::shared_ptr<const Known> known_;

 private:
  const PositionOf position_of_;
  std::optional<RowSteps> steps_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_STAGED_TEXTS_H_
