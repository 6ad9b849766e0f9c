#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_STAGED_TEXTS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_STAGED_TEXTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/mariadb/mariadb_row_decoder.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/stage/staged_changes.h"
#include "client/source/steps/row_steps.h"

namespace mirror {

// A key as the stage has it, and as the wire has it.

/// Absent: it does not fit the schema.
std::optional<Key> KeyOfStagedMariadb(const TableSchema& schema, const StagedKey& key);
StagedKey StagedKeyOfMariadb(const TableSchema& schema, const Key& key);

/// What is staged of a table, as the wire's rows; and its rows as they are in the database now, in the same
/// texts. A value that is not as it was announced is kept for the next look. Threads: one.
class MariadbStagedTexts : public StagedTexts {
 public:
  /// Of a snapshot (MariadbReading::snapshot()) the LSN behind which all is staged that it does not see;
  /// returns when that is so.
  using PositionOf = std::function<absl::StatusOr<std::int64_t>(const std::string& snapshot)>;

  static absl::StatusOr<std::unique_ptr<MariadbStagedTexts>> Make(
      std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
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
  MariadbStagedTexts(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                     PositionOf position_of)
      : look_(std::move(look)), known_(std::move(known)), position_of_(std::move(position_of)) {}
  /// Decodes into `decoder_`. False: a value does not fit what was announced.
  bool Take(const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts);
  absl::StatusOr<std::vector<Key>> KeysOf(const std::vector<StagedKey>& keys);
  BaseRow BaseRowOf(const std::vector<std::string_view>& texts) const;

  const std::shared_ptr<const MariadbLook> look_;
  const std::shared_ptr<const KnownMariadbTable> known_;
  const PositionOf position_of_;
  std::vector<std::uint32_t> decoded_;  ///< Columns of the decoder.
  std::optional<MariadbRowDecoder> decoder_;
  std::vector<std::string_view> fields_;
  std::optional<RowSteps> steps_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_STAGED_TEXTS_H_
