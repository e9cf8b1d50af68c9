-- How large the file is, and how much of it is in use.
SELECT page_count.page_count * page_size.page_size, (page_count.page_count - free.freelist_count) * page_size.page_size
FROM pragma_page_count() AS page_count, pragma_page_size() AS page_size, pragma_freelist_count() AS free
