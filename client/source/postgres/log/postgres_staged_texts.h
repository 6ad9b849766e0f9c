#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_STAGED_TEXTS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_STAGED_TEXTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/postgres/log/text_values.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/server/server_staged_texts.h"
#include "client/source/stage/staged_changes.h"

namespace mirror {

/// See ServerStagedTexts.
class PostgresStagedTexts : public ServerStagedTexts<PostgresLook> {
 public:
  PostgresStagedTexts(std::shared_ptr<const PostgresLook> look,
                      std::shared_ptr<const KnownPostgresTable> known, PositionOf position_of);

 private:
  std::int64_t NumberOf(std::size_t column) const override { return known_->table.columns[column].number; }
  std::vector<Value> Take(const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts,
                          std::vector<Misfit>* misfits) override;
  absl::StatusOr<std::vector<BaseRow>> ReadRows(const std::vector<StagedKey>& keys,
                                                std::string* snapshot) override;
  /// `by_text`: keys are compared as texts, also where one is no value of its column's type.
  std::string BaseSql(bool by_text) const;
  absl::Status ReadInto(const std::vector<StagedKey>& keys, bool by_text, std::string* snapshot,
                        std::vector<BaseRow>* rows) const;

  std::vector<PostgresTextColumn> columns_;
  std::vector<std::uint32_t> key_;
  PostgresTextValues values_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_STAGED_TEXTS_H_
