#ifndef MIRROR_SERVER_JOBS_VALID_UTF8_H_
#define MIRROR_SERVER_JOBS_VALID_UTF8_H_

#include <string>
#include <string_view>

namespace mirror {

/// UTF-8 without NUL: in the place of each byte that belongs to no character stands U+FFFD.
std::string ValidUtf8(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_VALID_UTF8_H_
