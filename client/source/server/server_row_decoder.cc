#include "client/source/server/server_row_decoder.h"

namespace mirror {

bool ServerRowDecoder::Decode(const std::vector<std::string_view>& fields) {
  misfits_.clear();
  values_.assign(announced_.size(), Value());
  for (std::size_t i = 0; i < announced_.size(); ++i) {
    if (fields[i].data() == nullptr) {
      if (!announced_[i].nullable) misfits_.push_back({i, true});
    } else if (!DecodeValue(i, fields[i], &texts_[i], &values_[i])) {
      misfits_.push_back({i, false});
    }
  }
  return misfits_.empty();
}

}  // namespace mirror
