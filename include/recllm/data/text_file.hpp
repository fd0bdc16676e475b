// Lines of a text file, read in large blocks: what every reader of this room stands on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <recllm/core/check.hpp>

namespace recllm::detail {

/// The lines of a file without their ends (LF or CRLF); empty lines, a byte order mark and a missing last
/// line end are passed over. Memory: two blocks, or twice the longest line.
class text_file {
 public:
  static constexpr std::size_t block = std::size_t{1} << 20U;
  static constexpr std::size_t longest_line = std::size_t{1} << 26U;

  /// `reader` begins every message; `hint` tells how to mend a file that cannot be opened.
  text_file(std::string_view reader, const std::filesystem::path& path, std::string_view hint)
      : reader_(reader), path_(path.string()), in_(path, std::ios::binary) {
    require(!std::filesystem::is_directory(path) && in_.is_open(), "recllm: ", reader_, ": cannot open ",
            path_, "; expected a readable ", hint);
    std::error_code not_regular;  // such as a pipe: of unknown size
    const std::uintmax_t size = std::filesystem::file_size(path, not_regular);
    if (!not_regular && size < block) block_ = static_cast<std::size_t>(size) + 1;
    buffer_.resize(block_);
    fill();
    const std::string_view start(buffer_.data(), end_);
    require(!start.starts_with("\x1F\x8B"), "recllm: ", reader_, ": ", path_,
            " is compressed by gzip; expected plain text: unpack it first, for example by gunzip -k");
    require(!start.starts_with("\xFF\xFE") && !start.starts_with("\xFE\xFF"), "recllm: ", reader_, ": ",
            path_, " is UTF-16; expected UTF-8: convert it first, for example by iconv -f UTF-16 -t UTF-8");
    if (start.starts_with("\xEF\xBB\xBF")) next_ = 3;
  }
  text_file(const text_file&) = delete;
  text_file& operator=(const text_file&) = delete;

  /// Goes to the next line that is not empty; false at the end of the file.
  bool next_line() {
    do {
      begin_ = next_;
      if (!find_line_end()) return false;
      line_number_ = ++lines_;
    } while (line_end_ == begin_);
    return true;
  }

  /// Adds the next line, and the line end between, to the current line, which keeps its number; false at the
  /// end of the file.
  bool join_next_line() {
    if (!find_line_end()) return false;
    ++lines_;
    return true;
  }

  /// The current line; may be written to. Valid until the next call of next_line() or join_next_line().
  [[nodiscard]] std::span<char> line() { return {buffer_.data() + begin_, line_end_ - begin_}; }
  [[nodiscard]] std::string_view text() const { return {buffer_.data() + begin_, line_end_ - begin_}; }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string_view reader() const { return reader_; }

  /// Throws std::invalid_argument about the current line, or about the file where there is none.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    const std::string line = line_number_ > 0 ? ":" + std::to_string(line_number_) : "";
    throw std::invalid_argument(message("recllm: ", reader_, ": ", path_, line, ": ", parts...));
  }

 private:
  /// Sets line_end_ and next_ for the line that goes on at next_; false if nothing is left.
  bool find_line_end() {
    for (std::size_t searched = next_;;) {
      const void* const found = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
      if (found != nullptr) {
        line_end_ = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
        next_ = line_end_ + 1;
        break;
      }
      searched = end_ - begin_;  // where it will be
      const std::size_t tail = end_ - next_;
      if (!fill()) {
        if (tail == 0) return false;
        line_end_ = next_ = end_;
        break;
      }
    }
    if (line_end_ > begin_ && buffer_[line_end_ - 1] == '\r') --line_end_;
    return true;
  }

  /// Moves what is left to the front and reads on; false at the end of the file.
  bool fill() {
    const std::size_t kept = end_ - begin_;
    if (kept > longest_line) {
      line_number_ = lines_ + 1;
      fail("the line is longer than ", longest_line, " bytes; expected lines of text");
    }
    if (kept + block_ > buffer_.size()) buffer_.resize(2 * buffer_.size());
    std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
    line_end_ -= begin_;
    next_ -= begin_;
    begin_ = 0;
    in_.read(buffer_.data() + kept, static_cast<std::streamsize>(block_));
    if (in_.bad()) fail("reading failed after this line");
    end_ = kept + static_cast<std::size_t>(in_.gcount());
    return end_ > kept;
  }

  std::string reader_, path_;
  std::ifstream in_;
  std::size_t block_ = block;  // read at once; less for a small file
  std::vector<char> buffer_;
  std::size_t begin_ = 0, line_end_ = 0;  // of the current line
  std::size_t next_ = 0, end_ = 0;        // of what is read and not yet given
  std::size_t lines_ = 0, line_number_ = 0;
};

}  // namespace recllm::detail
