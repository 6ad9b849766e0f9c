#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_TEXT_CHECK_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_TEXT_CHECK_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace mirror {

/// Checks that text is valid which arrives in pieces. A piece may end within a character.
class TextCheck {
 public:
  void Add(std::string_view piece) {
    carry_.append(piece);
    // The last character begins at most four bytes before the end; the next piece completes it.
    std::size_t end = carry_.size();
    for (std::size_t back = 1; back <= 4 && back <= carry_.size(); ++back) {
      if (!IsUtf8Continuation(carry_[carry_.size() - back])) {
        end = carry_.size() - back;
        break;
      }
    }
    good_ = good_ && IsText(std::string_view(carry_).substr(0, end));
    carry_.erase(0, end);
  }
  bool Good() const { return good_ && IsText(carry_); }

 private:
  std::string carry_;
  bool good_ = true;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_TEXT_CHECK_H_
