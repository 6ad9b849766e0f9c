#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROW_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/postgres/postgres_types.h"
#include "client/source/server/server_row_decoder.h"
#include "proto/wire/batch.h"

namespace mirror {

/// Rows of a table, from PostgreSQL's binary formats to the wire's values. Threads: one.
class PostgresRowDecoder : public ServerRowDecoder {
 public:
  /// How each column's values come, and as what it is announced.
  PostgresRowDecoder(std::vector<PostgresValueForm> forms, std::vector<Column> announced)
      : ServerRowDecoder(std::move(announced)), forms_(std::move(forms)) {}

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const override;

  std::vector<PostgresValueForm> forms_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROW_DECODER_H_
