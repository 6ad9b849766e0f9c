#include "proto/wire/receipt_codec.h"

#include <cstdint>
#include <vector>

#include "proto/wire/receipt.h"

namespace mirror {

std::string BatchDigest(const v1::ChangeBatch& batch) {
  BatchHasher hasher(static_cast<std::uint8_t>(batch.operation()), batch.row_count(),
                     static_cast<std::uint32_t>(batch.columns_size()));
  std::vector<LargeValue> large;
  for (const v1::ColumnData& data : batch.columns()) {
    large.clear();
    for (const v1::LargeValue& value : data.large())
      large.push_back({value.row(), value.value_id(), value.size()});
    hasher.Add({data.column(),
                {data.ints().data(), static_cast<std::size_t>(data.ints_size())},
                {data.doubles().data(), static_cast<std::size_t>(data.doubles_size())},
                data.data(),
                {data.lengths().data(), static_cast<std::size_t>(data.lengths_size())},
                data.nulls(),
                data.kinds()},
               large);
  }
  return hasher.Finish();
}

}  // namespace mirror
