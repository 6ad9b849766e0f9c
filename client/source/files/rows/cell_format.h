#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_CELL_FORMAT_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_CELL_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mirror {

/// What a number's format makes of it.
enum class Shown : std::uint8_t {
  kNumber,
  kDate,
  kTime,
  kDateTime,
  kElapsed,
  kDateOrTime,  ///< One or the other, by the language of Excel; the number tells.
};

/// By the letters of a format outside of quotes and brackets.
Shown ShownBy(std::string_view format);
/// By the number of a format that every workbook has, also those of East Asian and Thai Excel.
Shown ShownByNumber(int id);

/// A number of a cell as it is shown, without its colours and separators. `from_1904`: the workbook's
/// calendar begins there. Absent: it is shown as a date, and is none.
std::optional<std::string> ShowNumber(double value, Shown shown, bool from_1904);

/// A cell of type "d", whose text is a date or a time, as a number of the same moment is shown; where the
/// format is none of dates, as a date. Absent: the text is no date of the calendar.
std::optional<std::string> ShowIsoDate(std::string_view text, Shown shown, bool from_1904);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_CELL_FORMAT_H_
