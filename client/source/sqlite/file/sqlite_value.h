#ifndef MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_VALUE_H_
#define MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_VALUE_H_

#include <sqlite3.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace mirror {

inline std::string_view View(const void* data, int size) {
  return size == 0 ? std::string_view()
                   : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

/// The bytes of a value, valid as long as the value. Its connection is opened with SQLITE_OPEN_NOMUTEX and
/// used by one thread at a time; so what sqlite3_column_value() gives may be read like any other value.
inline std::string_view TextOf(sqlite3_value* value) {
  const unsigned char* text = sqlite3_value_text(value);
  return View(text, sqlite3_value_bytes(value));
}

inline std::string_view BlobOf(sqlite3_value* value) {
  const void* blob = sqlite3_value_blob(value);
  return View(blob, sqlite3_value_bytes(value));
}

/// The values of the row at which a statement stands.
class RowValues {
 public:
  sqlite3_value** Of(sqlite3_stmt* row) {
    values_.resize(static_cast<std::size_t>(sqlite3_data_count(row)));
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = sqlite3_column_value(row, static_cast<int>(i));
    }
    return values_.data();
  }

 private:
  std::vector<sqlite3_value*> values_;
};

/// UTF-8 without NUL.
inline bool IsText(std::string_view bytes) { return IsAscii(bytes) || CountUtf8(bytes).has_value(); }

/// Checks text that comes in pieces, which may end in the middle of a character.
class TextCheck {
 public:
  void Add(std::string_view piece) {
    carry_.append(piece);
    // The last character begins at most four bytes before the end; it waits for the next piece.
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

#endif  // MIRROR_CLIENT_SOURCE_SQLITE_FILE_SQLITE_VALUE_H_
