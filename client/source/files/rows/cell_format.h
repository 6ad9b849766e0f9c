#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_CELL_FORMAT_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_CELL_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mirror {

/// The kind of value that a number's format shows.
enum class Shown : std::uint8_t {
  kNumber,
  kDate,
  kTime,
  kDateTime,
  kElapsed,
  kDateOrTime,  ///< A date or a time, depending on Excel's language: the number decides.
};

/// Returns the kind by the letters of a format that are outside of quotes and brackets.
Shown ShownBy(std::string_view format);
/// Returns the kind by the number of a built-in format, including those of East Asian and Thai Excel.
Shown ShownByNumber(int id);

/// Returns a cell's number as the text that it shows, without colours and separators. `from_1904`: the
/// workbook's calendar begins in 1904. Absent: the format is a date format, and the number is no date.
std::optional<std::string> ShowNumber(double value, Shown shown, bool from_1904);

/// Returns the text of a cell of type "d" as ShowNumber() returns the number of the same moment. If its
/// format is no date format, the text is shown as a date. Absent: the text is no date of the calendar.
std::optional<std::string> ShowIsoDate(std::string_view text, Shown shown, bool from_1904);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_CELL_FORMAT_H_
