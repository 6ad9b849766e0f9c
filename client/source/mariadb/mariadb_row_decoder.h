#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROW_DECODER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/server/server_row_decoder.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Rows of a table, from MariaDB's texts to the wire's values. Threads: one.
class MariadbRowDecoder : public ServerRowDecoder {
 public:
  /// `announced`: of each column that is read.
  explicit MariadbRowDecoder(std::vector<Column> announced);

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* bytes, Value* value) const override;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROW_DECODER_H_
