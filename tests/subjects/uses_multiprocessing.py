"""Functions of the script run in processes started in every way there is."""
import multiprocessing


def square(number):
    return number * number


if __name__ == "__main__":
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, [1, 2, 3]))
