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

/// Converts rows of a table from the server's format to the wire's values. Threads: one.
class ServerRowDecoder {
 public:
  virtual ~ServerRowDecoder() = default;

  /// Decodes one row. A field without data is NULL; fields after the decoded ones are ignored. False: there
  /// are misfits.
  bool Decode(const std::vector<std::string_view>& fields);

  /// The values view the row's fields, and this object.
  const std::vector<Value>& values() const { return values_; }
  const std::vector<Misfit>& misfits() const { return misfits_; }

 protected:
  /// `announced`: one for each column that is read.
  explicit ServerRowDecoder(std::vector<Column> announced)
      : announced_(std::move(announced)), texts_(announced_.size()) {}
  ServerRowDecoder(ServerRowDecoder&&) = default;

  /// Decodes column `i` of `announced_`. `text`: buffer for a value that cannot view `data`. False: the value
  /// does not fit.
  virtual bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const = 0;

  std::vector<Column> announced_;

 private:
  std::vector<std::string> texts_;
  std::vector<Value> values_;
  std::vector<Misfit> misfits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_ROW_DECODER_H_
