#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROW_DECODER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/server/server_look.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Rows of a table, from the form in which a server gives them to the wire's values. Threads: one.
class ServerRowDecoder {
 public:
  virtual ~ServerRowDecoder() = default;

  /// One row: a field without data is NULL; there may be more behind those that are decoded. False: there are
  /// misfits.
  bool Decode(const std::vector<std::string_view>& fields);

  /// They view the row's fields, and this.
  const std::vector<Value>& values() const { return values_; }
  const std::vector<Misfit>& misfits() const { return misfits_; }

 protected:
  /// `announced`: of each column that is read.
  explicit ServerRowDecoder(std::vector<Column> announced)
      : announced_(std::move(announced)), texts_(announced_.size()) {}
  ServerRowDecoder(ServerRowDecoder&&) = default;

  /// Decodes column `i` of `announced_`. `text`: holds what no field has as it is. False: it does not fit.
  virtual bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const = 0;

  std::vector<Column> announced_;

 private:
  std::vector<std::string> texts_;
  std::vector<Value> values_;
  std::vector<Misfit> misfits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROW_DECODER_H_
