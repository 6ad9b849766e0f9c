#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_STAGED_TEXTS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_STAGED_TEXTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/mariadb/mariadb_row_decoder.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/server/server_staged_texts.h"
#include "client/source/stage/staged_changes.h"

namespace mirror {

// A key as the stage has it, and as the wire has it.

/// Absent: it does not fit the schema.
std::optional<Key> KeyOfStagedMariadb(const TableSchema& schema, const StagedKey& key);
StagedKey StagedKeyOfMariadb(const TableSchema& schema, const Key& key);

/// See ServerStagedTexts.
class MariadbStagedTexts : public ServerStagedTexts<MariadbLook> {
 public:
  MariadbStagedTexts(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                     PositionOf position_of)
      : ServerStagedTexts(std::move(look), std::move(known), std::move(position_of)) {}

 private:
  std::int64_t NumberOf(std::size_t column) const override { return known_->table.columns[column].place; }
  std::vector<Value> Take(const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts,
                          std::vector<Misfit>* misfits) override;
  absl::StatusOr<std::vector<BaseRow>> ReadRows(const std::vector<StagedKey>& keys,
                                                std::string* snapshot) override;
  absl::StatusOr<std::vector<Key>> KeysOf(const std::vector<StagedKey>& keys);
  BaseRow BaseRowOf(const std::vector<std::string_view>& texts) const;

  std::vector<std::uint32_t> decoded_;  ///< Columns of the decoder.
  std::optional<MariadbRowDecoder> decoder_;
  std::vector<std::string_view> fields_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_MARIADB_STAGED_TEXTS_H_
