#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_STAGED_TEXTS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_STAGED_TEXTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/postgres/log/text_values.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/stage/staged_changes.h"
#include "client/source/steps/row_steps.h"

namespace mirror {

/// What is staged of a table, as the wire's rows; and its rows as they are in the database now, in the same
/// texts. A value that is not as it was announced is kept for the next look. Threads: one.
class PostgresStagedTexts : public StagedTexts {
 public:
  /// Of a snapshot the position behind which all is staged that it does not see; returns when it is.
  using PositionOf = std::function<absl::StatusOr<std::int64_t>(const std::string& snapshot)>;

  static absl::StatusOr<std::unique_ptr<PostgresStagedTexts>> Make(
      std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
      PositionOf position_of);

  absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns,
                                            const std::vector<SourceText>& texts) override;
  absl::StatusOr<std::optional<std::vector<Value>>> DecodeGone(const std::vector<std::uint32_t>& columns,
                                                               const std::vector<SourceText>& texts) override;
  std::optional<std::uint32_t> ColumnOf(std::int64_t number) const override;
  bool HasSteps() const override { return steps_.has_value(); }
  absl::StatusOr<bool> TakeSteps(std::vector<Value>* values) override;
  absl::Status TurnKey(std::vector<Value>* values) override;
  absl::StatusOr<BaseRows> ReadBase(const std::vector<StagedKey>& keys) override;

 private:
  PostgresStagedTexts(std::shared_ptr<const PostgresLook> look,
                      std::shared_ptr<const KnownPostgresTable> known, PositionOf position_of);
  /// The values that fit what was announced, and those that do not.
  std::vector<Value> Take(const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts,
                          std::vector<Misfit>* misfits);
  /// `by_text`: keys are compared as texts, also where one is no value of its column's type.
  std::string BaseSql(bool by_text) const;
  absl::Status ReadInto(const std::vector<StagedKey>& keys, bool by_text, std::string* snapshot,
                        std::vector<BaseRow>* rows) const;

  const std::shared_ptr<const PostgresLook> look_;
  const std::shared_ptr<const KnownPostgresTable> known_;
  const PositionOf position_of_;
  std::vector<PostgresTextColumn> columns_;
  std::vector<std::uint32_t> key_;
  PostgresTextValues values_;
  std::optional<RowSteps> steps_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_STAGED_TEXTS_H_
