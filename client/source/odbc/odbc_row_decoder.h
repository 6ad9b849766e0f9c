#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROW_DECODER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/odbc/odbc_table.h"
#include "client/source/server/server_row_decoder.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Rows of a table, from their texts to the wire's values. Threads: one.
class OdbcRowDecoder : public ServerRowDecoder {
 public:
  /// How each column's values come, and as what it is announced.
  OdbcRowDecoder(std::vector<OdbcForm> forms, std::vector<Column> announced)
      : ServerRowDecoder(std::move(announced)), forms_(std::move(forms)) {}

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const override;

  std::vector<OdbcForm> forms_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROW_DECODER_H_
